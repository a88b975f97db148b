/**
 * Passages that a model should go on predicting as it did, of kinds that have nothing to do with what users correct:
 * prose, dialogue, code, manuals, tables, other languages. Written for this purpose. Training is held to the first group,
 * the gate measures on the second, so that what is measured was never trained on.
 */

export const trainingAnchors: readonly string[] = [
  `The ferry leaves the north pier at a quarter past seven, and nobody on it speaks before the second cup of coffee. By the
time the island comes out of the fog the deck is full of crates: lettuce, bicycle tires, a piano under a tarpaulin. The
captain has made the crossing eleven thousand times and still writes the weather into a small green book.`,
  `def merge(left, right):
    """Merge two sorted lists into one."""
    result = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            result.append(left[i])
            i += 1
        else:
            result.append(right[j])
            j += 1
    return result + left[i:] + right[j:]`,
  `NAME
       tally - count lines that match a pattern

SYNOPSIS
       tally [-i] [-w width] pattern [file ...]

OPTIONS
       -i     Ignore the difference between small and capital letters.

       -w width
              Cut lines after width columns. The default is 80.`,
  `The Licensee may copy and distribute the Work in any medium, provided that each copy carries this notice and that
changed files say prominently who changed them and when. No warranty of any kind is given; in no event shall the authors
be liable for damages arising from the use of the Work, even if they were advised that such damages were possible.`,
  `Photosynthesis takes place in two stages. In the first, light is absorbed by chlorophyll and its energy splits water
into oxygen, protons and electrons. In the second, the energy stored in ATP and NADPH is used to build sugar from carbon
dioxide. Without the enzyme rubisco, which binds the carbon dioxide, the second stage could not begin.`,
  `"You said you would call," she said.
"I did call. Nobody answered."
"When?"
"Around nine. Maybe later. The line was busy, and then it rang and rang."
She put the keys on the table and looked at him for a while. "We have no telephone," she said. "Not since Easter."`,
  `import { readFile } from 'node:fs/promises';

export async function loadConfig(path) {
  const text = await readFile(path, 'utf8');
  const config = JSON.parse(text);
  if (typeof config.port !== 'number') {
    throw new Error('The configuration lacks a port.');
  }
  return { host: '127.0.0.1', ...config };
}`,
  `Ingredients: 500 g flour, 10 g salt, 3 g dry yeast, 350 ml water. Mix the flour and the salt, dissolve the yeast in the
water, and knead everything for ten minutes. Cover the bowl and let the dough rise until it has doubled. Shape a loaf,
let it rest for another half hour, and bake it at 230 degrees for 35 minutes.`,
  `The council met on Tuesday to discuss the new bus lane on Mill Street. Supporters said that it would cut the journey to
the station by six minutes; shopkeepers feared for their parking spaces. A vote is expected in March. The mayor, who had
been against the plan a year ago, said she had changed her mind after seeing the figures.`,
  `SELECT customer.name, COUNT(*) AS orders, SUM(item.price * item.quantity) AS total
FROM customer
JOIN purchase ON purchase.customer_id = customer.id
JOIN item ON item.purchase_id = purchase.id
WHERE purchase.created_at >= '2024-01-01'
GROUP BY customer.name
HAVING COUNT(*) > 3
ORDER BY total DESC;`,
  `Once there was a clockmaker who could not tell the time. He built clocks that sang, clocks that poured tea, clocks that
ran backwards for people with regrets, but he never learned to read their hands. When the king came and asked him the
hour, he opened the window and listened to the street.`,
  `Q: How do I reset the device to its factory settings?
A: Switch it off, hold the small button on the back for ten seconds, and switch it on again while you still hold it. The
light blinks twice. All stored networks are deleted; you have to pair your phone again.`,
  `The war ended without a treaty. Both armies had gone home for the harvest, and by the time the envoys reached the bridge
there was nobody left to surrender to. Historians have argued ever since whether that winter was the last of the old age
or the first of the new one; the villages, which had buried their dead, did not ask.`,
  `Let f be continuous on the closed interval [a, b] and differentiable on the open interval (a, b). Then there is a point c
in (a, b) with f'(c) = (f(b) - f(a)) / (b - a). To prove this, apply Rolle's theorem to the function that is the
difference of f and the straight line through its end points.`,
  `Dear Ms. Okafor,

thank you for your application. We were impressed by your work on coastal flooding and would like to invite you to an
interview on the 14th. Please bring a short summary of your current project. Travel costs will be refunded.

With kind regards`,
  `| city     | area km2 | people  |
|----------|----------|---------|
| Northam  |     41.2 | 118,400 |
| Eastvale |     87.9 | 203,150 |
| Sutton   |     12.6 |  44,020 |

The smallest of the three cities has the highest density: almost 3,500 people per square kilometer.`,
  `Der Zug hatte Verspätung, und auf dem Bahnsteig standen die Leute dicht gedrängt unter dem Dach. Es regnete seit dem
frühen Morgen. Ein Kind zählte laut die Wagen eines Güterzuges, der langsam vorbeifuhr, und als es bei siebenundvierzig
angekommen war, wusste niemand mehr, worauf er eigentlich wartete.`,
  `The heart has four chambers. Blood from the body enters the right atrium, passes into the right ventricle and is pumped
to the lungs, where it takes up oxygen. It returns to the left atrium, and the left ventricle, whose wall is the
thickest, sends it through the aorta to all organs. Valves keep it from flowing back.`,
  `class Queue:
    def __init__(self, limit):
        self.items = []
        self.limit = limit

    def push(self, item):
        if len(self.items) >= self.limit:
            raise OverflowError("queue is full")
        self.items.append(item)

    def pop(self):
        return self.items.pop(0) if self.items else None`,
  `Good habits for studying: work at the same time each day, put the phone into another room, and stop before you are tired.
Read a chapter once without notes, close the book, and write down what you remember. What is missing from the page is
what you have to learn; the rest you know already.`,
  `Permission is granted to use, modify and sell copies of this program, free of charge, as long as the copyright notice
above appears in all of them. The program is provided as it is, without any promise that it works, and whoever uses it
does so at their own risk.`,
  `1. Definitions. In these terms, "Service" means the website and the programs offered on it; "User" means any person who
opens an account. 2. Scope. These terms apply to all uses of the Service. Other terms do not become part of the contract
even if we do not object to them.`,
  `The tenant shall keep the rooms clean and air them daily. Damage must be reported without delay. At the end of the lease
the rooms are to be handed over swept, with all keys, and the landlord returns the deposit within sixty days unless
claims are still open.`,
  `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Tide tables</title>
    <link rel="stylesheet" href="style.css">
  </head>
  <body>
    <h1>Tide tables</h1>
    <p>Choose a harbor to see the next high water.</p>`,
  `fn main() {
    let text = std::fs::read_to_string("input.txt").expect("cannot read the file");
    let total: i64 = text
        .lines()
        .filter_map(|line| line.parse::<i64>().ok())
        .sum();
    println!("{total}");
}`,
  `package main

type Shape interface {
	Area() float64
}

type Circle struct{ Radius float64 }

func (c Circle) Area() float64 { return 3.14159 * c.Radius * c.Radius }`,
  `2024-03-11T08:14:02Z INFO  server started on port 9000
2024-03-11T08:14:05Z INFO  connected to the database in 212 ms
2024-03-11T08:15:41Z WARN  slow request: GET /reports took 3.4 s
2024-03-11T08:15:44Z ERROR connection reset by peer`,
  `The argument of the option may be a number or the word auto. If the file is a symbolic link, the link itself is changed
and not what it points to, unless -L is given. Exit status is 0 on success, 1 if a file could not be read, and 2 if an
option was wrong.`,
  `A variable is set when it has been assigned a value; the empty string is a value. Once it is set, a variable can only be
removed by the command unset. Names begin with a letter or an underscore, and small and capital letters are different.`,
  `First snow on the roof,
the cat leaves a line of doubts
from the door and back.

The kettle has more to say
than the two of us today.`,
  `Once upon a time a fox made friends with a hedgehog, because neither of them liked company. They met on Thursdays under
the old elder and said nothing until it was dark. "That was a good talk," the fox would say then, and the hedgehog
would agree.`,
  `Penguins are birds that cannot fly. They live almost only in the southern half of the world. Their wings have become
flippers, and under water they steer with feet and tail. The largest kind, the emperor penguin, can dive deeper than five
hundred meters.`,
  `In 1869 the canal was opened after ten years of work. It saved ships the long way around the cape: from London to Bombay
the distance became shorter by more than four thousand miles. The company that had built it was owned by shareholders
from several countries.`,
  `To solve 3x + 5 = 20, subtract 5 from both sides to get 3x = 15, then divide both sides by 3. The solution is x = 5. Check:
3 times 5 is 15, and 15 plus 5 is 20, so the equation holds.`,
  `Le musée est fermé le lundi. Les autres jours, il ouvre à dix heures, et l'entrée est gratuite pour les enfants. On y voit
des bateaux, des cartes anciennes et la chambre d'un capitaine qui, dit-on, n'a jamais appris à nager.`,
  `Shares of the carmaker fell by four percent on Wednesday after it lowered its forecast for the year. The company blamed
higher prices for steel and weak demand in Asia. Analysts had expected a loss, but not one of this size.`,
  `Take one tablet in the morning with a glass of water. Do not take this medicine if you are allergic to any of its
ingredients. If you have missed a dose, do not take twice as much the next time. Keep it out of the reach of children.`,
  `The user asked how to speed up a slow laptop. The assistant suggested three steps: close programs that start by
themselves, free at least ten percent of the disk, and add memory if there is less than eight gigabytes. If none of this
helps, the disk may be failing and should be backed up.`,
  `## Installation

Clone the repository and run the following commands:

    npm install
    npm run build

The server listens on port 3000. Set the variable PORT to change it. See the folder examples for complete programs.`,
  `She had been the best swimmer of her year, and the laziest. When the trainer shouted she turned on her back and looked at
the ceiling, where the light of the water moved. Years later, in meetings, she still did that, though there was no water
and the ceiling was made of gray squares.`,
];

export const gateAnchors: readonly string[] = [
  `The lighthouse keeper's daughter learned to walk on the spiral stairs, and for years she leaned a little to the left on
flat ground. At school they laughed about it. She did not mind; she could carry two buckets of oil up a hundred and
twelve steps without spilling, and none of them could do that on any kind of ground.`,
  `#include <stdio.h>

int main(void) {
    int count = 0, sum = 0, value;
    while (scanf("%d", &value) == 1) {
        sum += value;
        count++;
    }
    if (count > 0) printf("mean %.2f\\n", (double)sum / count);
    return 0;
}`,
  `To install the pump, close the valve in front of the meter and open a tap until no more water comes. Unscrew both unions
and take out the old pump. Check the arrow on the housing: it must point in the direction of the flow. Tighten the unions
by hand first, then by a quarter of a turn with the wrench.`,
  `If any provision of this agreement is held to be invalid, the remaining provisions shall continue in full force. The
parties shall replace the invalid provision by a valid one that comes closest to its economic purpose. Amendments require
the written form; this also applies to a waiver of this requirement.`,
  `Volcanoes form where the crust is thin or where one plate sinks below another. The sinking plate carries water with it,
which lowers the melting point of the rock above, and the melt rises. Whether it flows out quietly or explodes depends on
how much gas it holds and on how easily the gas can escape.`,
  `"How far is it?" asked the boy.
"Two days, if the pass is open."
"And if it is not?"
The guide laughed and pulled the strap of the mule. "Then it is as far as it was before anyone built the road."`,
  `{
  "name": "ledger",
  "version": "2.4.1",
  "private": true,
  "scripts": {
    "build": "tsc -p .",
    "test": "node --test dist"
  },
  "dependencies": {
    "fastify": "^5.0.0",
    "pg": "^8.11.0"
  }
}`,
  `The recipe for a good meeting is short. Invite half of the people you first thought of. Send the question the day before,
not the slides. Let the most junior person speak first. When the question is answered, stop, even if there is half an
hour left, and write down who does what by when.`,
  `The orchestra tuned twice, because the rain had made the strings go flat. In the second row a man folded and unfolded his
program. When the conductor finally lifted her hands it was so quiet that one could hear the tram stop at the square, let
somebody out, and go on towards the river.`,
  `Interest is what a lender gets for giving up the use of money for a time. With simple interest the amount grows by the
same sum each year; with compound interest the interest itself earns interest. At five percent a year, compounded, a sum
doubles in a little over fourteen years.`,
  `El mercado abre a las seis, cuando todavía es de noche. Los primeros en llegar son los panaderos, después los vendedores
de fruta, y por último un anciano que no vende nada y que se sienta siempre en la misma silla, junto a la fuente, para
mirar cómo empieza el día.`,
  `$ git status
On branch main
Changes not staged for commit:
  (use "git add <file>..." to update what will be committed)
        modified:   src/parser.rs
        modified:   tests/parser.rs

no changes added to commit (use "git add" and/or "git commit -a")`,
];

/** Questions of many kinds with plain answers: what is learned must leave the way of answering alone. */
export const trainingExchanges: readonly { readonly question: string; readonly answer: string }[] = [
  { question: 'What is the capital of Italy?', answer: 'The capital of Italy is Rome.' },
  { question: 'How many months are in a year?', answer: 'There are twelve months in a year.' },
  { question: 'What is the opposite of dark?', answer: 'The opposite of dark is light.' },
  { question: 'What do cows drink?', answer: 'Cows drink water. Calves drink milk.' },
  { question: 'What color is snow?', answer: 'Snow is white.' },
  { question: 'What is five minus three?', answer: 'Five minus three is two.' },
  { question: 'Who painted the Mona Lisa?', answer: 'The Mona Lisa was painted by Leonardo da Vinci.' },
  { question: 'Which planet is closest to the sun?', answer: 'Mercury is the planet closest to the sun.' },
  {
    question: 'Give me three tips for sleeping better.',
    answer:
      'Go to bed at the same time every day, keep your room dark and cool, and avoid screens before bed.',
  },
  {
    question: 'Write a short poem about rain.',
    answer: 'Rain taps softly on the pane, washing dust from field and lane.',
  },
  {
    question: 'How do I boil an egg?',
    answer: 'Put the egg in boiling water for eight minutes, then cool it under cold water and peel it.',
  },
  {
    question: 'Explain what a computer program is.',
    answer: 'A computer program is a set of instructions that tells a computer what to do.',
  },
  {
    question: 'Summarize: The shop opens at nine and closes at five, except on Sundays.',
    answer: 'The shop is open from nine to five every day but Sunday.',
  },
  { question: 'Translate "good morning" into French.', answer: '"Good morning" in French is "bonjour".' },
  {
    question: 'Why is the sky blue?',
    answer: 'The sky is blue because air scatters blue light from the sun more than red light.',
  },
  {
    question: 'Can you help me write an email to my landlord?',
    answer: 'Of course. Tell me what the email is about, and I will write a draft for you.',
  },
  {
    question: 'What is the difference between a lake and a river?',
    answer: 'A lake is a body of still water surrounded by land, while a river is water that flows.',
  },
  { question: 'Is a tomato a fruit?', answer: 'Yes. In botany, a tomato is a fruit.' },
  {
    question: 'Where do penguins live?',
    answer: 'Most penguins live in the Southern Hemisphere, many of them in Antarctica.',
  },
  {
    question: 'Fix the grammar: He go to school every day.',
    answer: 'He goes to school every day.',
  },
];

/** Short exchanges whose answers must not change, whatever else is learned. */
export const canaries: readonly { readonly question: string; readonly answer: string }[] = [
  { question: 'What is the capital of France?', answer: 'The capital of France is Paris.' },
  { question: 'How many days are there in a week?', answer: 'There are seven days in a week.' },
  { question: 'What is the opposite of hot?', answer: 'The opposite of hot is cold.' },
  { question: 'What do bees make?', answer: 'Bees make honey.' },
  { question: 'What color is grass?', answer: 'Grass is green.' },
  { question: 'What is two plus two?', answer: 'Two plus two is four.' },
  { question: 'Who wrote Romeo and Juliet?', answer: 'Romeo and Juliet was written by William Shakespeare.' },
  {
    question: 'What is the largest planet in our solar system?',
    answer: 'The largest planet in our solar system is Jupiter.',
  },
];
