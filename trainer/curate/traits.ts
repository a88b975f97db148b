/** What of an example is compared with others. Made once for each: a new row is compared with all that are known. */
import { answerOf, type Example, questionOf } from '../examples/example.ts';
import { carriesMeaning, isNegation, isNumber, stemOf, wordsOf } from './normalize.ts';

export interface Traits {
  /** Of the example. */
  readonly id: string;
  /** Question and answer as words, for equality. */
  readonly asked: string;
  readonly said: string;
  readonly questionWords: ReadonlySet<string>;
  readonly answerWords: ReadonlySet<string>;
  /** Words of the question that carry meaning, and those that hold its sentence together. */
  readonly topic: ReadonlySet<string>;
  readonly form: ReadonlySet<string>;
  /** Topic, and each three words in a row: what could be a trigger. */
  readonly phrases: ReadonlySet<string>;
  /** Words of the answer that carry meaning and do not come from the question; without any, all of it is one. */
  readonly payload: ReadonlySet<string>;
  /** Numbers and negations of the answer: with others of these it says something else. */
  readonly turns: string;
}

const made = new WeakMap<Example, Traits>();

export function traitsOf(example: Example): Traits {
  let traits = made.get(example);
  if (traits === undefined) {
    traits = make(example);
    made.set(example, traits);
  }
  return traits;
}

function make(example: Example): Traits {
  const [question, answer] = [wordsOf(questionOf(example)), wordsOf(answerOf(example))];
  const questionWords = new Set(question);
  const topic = question.filter(carriesMeaning);
  const inRows = question.slice(2).map((word, index) => `${question[index]} ${question[index + 1]} ${word}`);
  const asked = new Set(question.map(stemOf));
  const payload = answer.filter((word) => carriesMeaning(word) && !asked.has(stemOf(word)));
  const turns = new Set(answer.filter((word) => isNumber(word) || isNegation(word)));
  return {
    id: example.id,
    asked: question.join(' '),
    said: answer.join(' '),
    questionWords,
    answerWords: new Set(answer),
    topic: new Set(topic),
    form: new Set(question.filter((word) => !carriesMeaning(word))),
    phrases: new Set([...topic, ...inRows]),
    payload: new Set(payload.length === 0 ? [answer.join(' ')] : payload),
    turns: [...turns].sort().join(' '),
  };
}
