/** Thresholds as test cases in JUnit's XML, which most continuous integration can show. */
import { quoted } from './quoted.ts';
import type { Report, ScenarioReport } from './result.ts';

export function junitReport({ scenarios, seconds }: Report): string {
  const numTests = scenarios.reduce((sum, { verdicts }) => sum + Math.max(1, verdicts.length), 0);
  const numFailures = scenarios.reduce(
    (sum, { verdicts }) => sum + verdicts.filter(({ isMet }) => !isMet).length,
    0,
  );
  const numErrors = scenarios.filter(({ problem }) => problem !== null).length;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="loadtest" tests="${numTests}" failures="${numFailures}" errors="${numErrors}" time="${seconds.toFixed(3)}">
${scenarios.map(suite).join('\n')}
</testsuites>
`;
}

function suite({ name, seconds, problem, verdicts }: ScenarioReport): string {
  const cases = verdicts.map(({ threshold, path, measured, isMet }) => {
    const failure = isMet ? '' : `<failure message="${quoted(`${path} is ${measured}`)}"/>`;
    return `  <testcase classname="${name}" name="${quoted(threshold)} (${quoted(path)})">${failure}</testcase>`;
  });
  if (problem !== null) {
    cases.push(
      `  <testcase classname="${name}" name="runs"><error message="${quoted(clean(problem))}"/></testcase>`,
    );
  } else if (cases.length === 0) cases.push(`  <testcase classname="${name}" name="runs"/>`);
  const failures = verdicts.filter(({ isMet }) => !isMet).length;
  const errors = problem === null ? 0 : 1;
  return ` <testsuite name="${name}" tests="${cases.length}" failures="${failures}" errors="${errors}" time="${seconds.toFixed(3)}">
${cases.join('\n')}
 </testsuite>`;
}

/** XML knows no control characters. */
const clean = (text: string): string => text.replace(/\p{Cc}/gu, ' ');
