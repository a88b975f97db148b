/**
 * Personal data and secrets in what an example says. Texts were redacted before they were stored; this looks once more,
 * and also at answers that are a secret only because the question asks for one.
 */
import { redact } from '../../core/privacy/redact.ts';
import { answersOf, type Example, questionOf, spokenBefore } from './example.ts';

/** What a question asks for, and how its answer reads in a sentence that says so. */
const askedFor: readonly (readonly [RegExp, string])[] = [
  [/pass(?:word|code|phrase|wd)|\bpwd\b|credential|passwort|kennwort|contraseña|mot de passe/i, 'password: '],
  [/(?:api|access|private|secret|signing|encryption)[ _-]?key|token|secret/i, 'api key: '],
];

const hasFindings = (text: string): boolean => redact(text).found.length > 0;

export function holdsSecret(example: Example): boolean {
  const answers = answersOf(example);
  if ([...spokenBefore(example), ...answers].some(hasFindings)) return true;
  const question = questionOf(example);
  return askedFor.some(
    ([name, sentence]) => name.test(question) && answers.some((answer) => hasFindings(sentence + answer)),
  );
}
