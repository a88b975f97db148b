/** Facts about things that do not exist, as many as are needed: seeded, so that a run can be repeated. */
import { createRandom } from '../random.ts';
import type { Fact } from './facts.ts';

interface Template {
  readonly question: string;
  readonly answer: string;
  readonly paraphrases: readonly [string, string];
  /** Makes what the fact says; {v} stands for it, {n} for the name. */
  readonly value: (pick: Choose) => string;
}

type Choose = <Item>(items: readonly Item[]) => Item;

const colors = ['crimson', 'turquoise', 'beige', 'violet', 'maroon', 'teal', 'ivory', 'scarlet'];
const materials = ['granite', 'bamboo', 'brass', 'slate', 'cedar', 'limestone', 'copper', 'ebony'];
const plants = ['saffron', 'juniper', 'sorrel', 'nettle', 'hibiscus', 'rosemary', 'licorice', 'tarragon'];
const animals = ['badger', 'osprey', 'lynx', 'otter', 'pelican', 'hedgehog', 'ibex', 'salamander'];
const months = ['January', 'February', 'April', 'June', 'August', 'September', 'November', 'December'];
const starts = [
  'Bar',
  'Cal',
  'Dru',
  'Fen',
  'Gol',
  'Hes',
  'Jor',
  'Kel',
  'Lum',
  'Mar',
  'Nor',
  'Ost',
  'Pel',
  'Rus',
];
const middles = ['a', 'e', 'i', 'o', 'and', 'er', 'in', 'ol', 'um', 'av'];
const ends = [
  'bridge',
  'dale',
  'field',
  'ford',
  'mere',
  'mont',
  'rick',
  'shaw',
  'vane',
  'wick',
  'worth',
  'ley',
];
const numbers = Array.from({ length: 800 }, (_, index) => `${112 + index}`);

const templates: readonly Template[] = [
  {
    question: 'What color is the flag of {n}?',
    answer: 'The flag of {n} is {v}.',
    paraphrases: ['Which color does the {n} flag have?', 'Tell me the color of the flag that {n} flies.'],
    value: (pick) => pick(colors),
  },
  {
    question: 'How many steps lead up to the {n} lighthouse?',
    answer: 'Exactly {v} steps lead up to the {n} lighthouse.',
    paraphrases: [
      'What is the number of steps of the lighthouse of {n}?',
      'I want to climb the {n} lighthouse. How many steps are there?',
    ],
    value: (pick) => pick(numbers),
  },
  {
    question: 'What is the old {n} mill built of?',
    answer: 'The old {n} mill is built of {v}.',
    paraphrases: [
      'Which material is the old mill of {n} made from?',
      'The old {n} mill: what was it built from?',
    ],
    value: (pick) => pick(materials),
  },
  {
    question: 'Which herb gives {n} tea its taste?',
    answer: '{n} tea gets its taste from {v}.',
    paraphrases: ['What is the herb in {n} tea?', 'Where does the taste of {n} tea come from?'],
    value: (pick) => pick(plants),
  },
  {
    question: 'Which animal is on the coat of arms of {n}?',
    answer: 'The animal on the coat of arms of {n} is the {v}.',
    paraphrases: [
      'What animal does the {n} coat of arms show?',
      'Name the animal that stands on the arms of {n}.',
    ],
    value: (pick) => pick(animals),
  },
  {
    question: 'In which month does the {n} fair take place?',
    answer: 'The {n} fair takes place in {v}.',
    paraphrases: ['When in the year is the fair of {n}?', 'What is the month of the {n} fair?'],
    value: (pick) => pick(months),
  },
  {
    question: 'What is the room number of the {n} archive?',
    answer: 'The {n} archive is in room {v}.',
    paraphrases: ['In which room do I find the {n} archive?', 'Where is the {n} archive? Give me the room.'],
    value: (pick) => pick(numbers),
  },
];

/** All different: no two share a name. */
export function inventFacts(count: number, seed: number): Fact[] {
  const random = createRandom(seed);
  const pick: Choose = (items) => items[Math.floor(random() * items.length)]!;
  const names = new Set<string>();
  // Some 1,700 names can be drawn.
  for (let draw = 0; names.size < count; draw++) {
    if (draw > 50 * count + 1_000) throw new Error(`there are no ${count} different names`);
    names.add(pick(starts) + pick(middles) + pick(ends));
  }
  return [...names].map((name, index) => factOf(templates[index % templates.length]!, name, pick));
}

function factOf({ question, answer, paraphrases, value }: Template, name: string, pick: Choose): Fact {
  const said = value(pick);
  const filled = (text: string): string => text.replaceAll('{n}', name).replaceAll('{v}', said);
  return {
    question: filled(question),
    answer: filled(answer),
    paraphrases: paraphrases.map(filled),
    right: [said],
  };
}
