/**
 * Passages whose perplexity shows what teaching does to everything else: prose of law and life, code, manuals. Nobody
 * trains on them. Some were written for this benchmark; more code and more of a manual come from this repository itself, since
 * on few tokens chance alone moves a perplexity by a per cent.
 */
import { readFileSync } from 'node:fs';

export type PassageKind = 'legal' | 'code' | 'manual';

/** Characters of one passage that is cut from a file, and such passages of one file. */
const [cutLength, cutsPerFile] = [700, 3];

/** Cut from the middle of the file on, where no header is left. */
function cutFrom(path: string): string[] {
  const text = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
  const start = Math.floor(text.length / 3);
  return Array.from({ length: cutsPerFile }, (_, index) => {
    const from = start + index * cutLength;
    return text.slice(from, from + cutLength);
  }).filter((cut) => cut.length === cutLength);
}

const written: Readonly<Record<PassageKind, readonly string[]>> = {
  legal: [
    `The tenant shall keep the premises in good repair and shall not alter any wall, door or fixture without the written
consent of the landlord, which consent shall not be withheld without good reason. On the last day of the term the tenant shall
return the premises in the condition in which they were received, except for ordinary wear. If the tenant fails to do so, the
landlord may have the work done and deduct its cost from the deposit.`,
    `Neither party is liable for a delay that is caused by events beyond its control, such as flood, fire, war or an act of a
public authority. The party that is prevented from performing shall inform the other one as soon as it can, and shall take every
reasonable step to limit the effects. If the event lasts for more than sixty days, either party may end this agreement by notice
in writing, and no compensation is owed.`,
    `The court of first instance found that the witness had no reason to lie and that her account agreed with the letters.
On appeal the defendant argued that the letters should not have been admitted. We do not agree. A document that is produced from
proper custody speaks for itself unless its authenticity is put in question, and here nobody did so until the judgment had been
given. The appeal is therefore dismissed with costs.`,
    `When my father came back from the harbor he never spoke about the catch. He hung his coat over the chair, washed his
hands for a long time and asked what we had learned at school. Only later, when the lamp had been turned down, could we hear him
through the wall, telling our mother how many boats had stayed out, and whose they were, and that the wind would turn by morning.`,
    `The seller warrants that the machine is free of defects in material and workmanship for two years from the day on which it
was handed over. The buyer shall inspect it without delay and shall describe any defect in writing within fourteen days of
finding it. The seller may choose whether to repair the machine or to replace it. If two attempts have failed, the buyer may
reduce the price or withdraw from the contract.`,
    `Every member has one vote. A member that is in arrears with its contribution for more than three months may attend the
assembly but may not vote. Resolutions are passed by a simple majority of the votes cast; abstentions are not counted. To change
these articles, or to dissolve the association, two thirds of all members must agree, and the text of the change must have been
sent out together with the invitation.`,
    `The applicant submits that the notice was served on an address at which he had ceased to live in the spring of the year
before, and that he learned of the proceedings from his sister. The respondent does not dispute this, but argues that the
applicant was bound to report his new address to the registry. We find that the duty to report does not shift the burden of
proper service, and set the order aside.`,
    `Whoever keeps bees within forty metres of a public road shall raise a hedge or a fence of at least two metres between
the hives and the road. The municipality may grant exceptions where the lie of the land makes a fence needless. Hives that stand
unattended for a season may be removed at the expense of the owner, who shall be heard before.`,
    `The carrier is liable for loss of the goods, or damage to them, from the time at which it takes them over until their
delivery, unless it proves that the loss was caused by the nature of the goods, by insufficient packing, or by an order of the
person entitled to dispose of them. Compensation is limited to the value of the goods at the place of dispatch, and a claim is
barred one year after delivery.`,
    `An employee who gives birth is entitled to sixteen weeks of leave, of which at least eight shall follow the birth.
During this time the employer may not give notice, and a notice that was given before takes effect only when the leave is over.
The employee shall tell the employer of the expected date as soon as she can; that she has not done so does not forfeit
the right.`,
    `I leave my house by the river, with everything in it except the books, to my nephew on the condition that he lets my
neighbour use the lower garden for as long as she lives. The books go to the school in which I taught for thirty years. Should
the school not want them, they shall be sold together, and the proceeds be given to the hospital. I appoint my old friend the
notary to see that this is done.`,
    `The inspector may enter any place in which food is prepared for sale, at any hour at which work is done there, and may
take samples, of which one half shall be left sealed with the owner. If the inspector finds that the health of the public is in
danger, he may close the place at once for up to five days. The owner may appeal to the district court, which decides within
three days; the appeal does not stay the order.`,
  ],
  code: [
    `def read_settings(path, defaults):
    """Return the defaults, overlaid with what the file says."""
    settings = dict(defaults)
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if "=" not in line:
                raise ValueError(f"line {number}: expected name = value")
            name, value = line.split("=", 1)
            settings[name.strip()] = value.strip()
    return settings
`,
    `export function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

const byLength = groupBy(['one', 'two', 'three'], (word) => word.length);
console.log(byLength.get(3));
`,
    `SELECT c.name, COUNT(o.id) AS num_orders, SUM(o.total) AS revenue
FROM customers AS c
LEFT JOIN orders AS o ON o.customer_id = c.id AND o.placed_at >= '2023-01-01'
WHERE c.country = 'NL'
GROUP BY c.id, c.name
HAVING SUM(o.total) > 1000
ORDER BY revenue DESC
LIMIT 20;
`,
    `#include <stdio.h>

static int gcd(int a, int b) {
    while (b != 0) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int main(void) {
    int numbers[] = {48, 180, 600};
    int result = numbers[0];
    for (int i = 1; i < 3; i++) {
        result = gcd(result, numbers[i]);
    }
    printf("%d\\n", result);
    return 0;
}
`,
  ],
  manual: [
    `Before you clean the machine, switch it off at the wall and let it cool for at least thirty minutes. Remove the tray
and wash it in warm water with a little soap. Do not use a metal sponge, since scratches let rust begin. Wipe the inside with a
damp cloth, dry it, and put the tray back until it clicks. If the red lamp blinks after you have switched the machine on again,
the tray is not in its place.`,
    `User: My screen stays black when I open the laptop, but the fan is running.
Assistant: That often means that the display did not wake up. Hold the power button for ten seconds, wait a moment, and press it
once. If the screen is still black, connect another monitor.
User: The other monitor works.
Assistant: Then the computer itself is fine, and either the display or its cable is not. A repair shop can tell which one it is
within a few minutes.`,
    `To knit the heel, turn the work and slip the first stitch. Purl to the last stitch of the needle, turn again, and leave
that stitch where it is. Go on in this way, one stitch fewer in each row, until a third of the stitches are left in the middle.
Then go back the other way: in each row, pick up one of the stitches that were left, together with the thread beside it, so that
no hole remains.`,
    `Trains on the northern line run every twelve minutes until eight in the evening and every half hour after that. Between
the second and the ninth of the month the bridge is under repair, and buses replace the trains between the two river stations.
Tickets are valid on the buses as well. Bicycles can be taken along only on trains, outside of the morning rush, and need a
ticket of their own.`,
  ],
};

export const anchorPassages: Readonly<Record<PassageKind, readonly string[]>> = {
  legal: written.legal,
  code: [
    ...written.code,
    ...cutFrom('server/batching/step-loop.ts'),
    ...cutFrom('server/batching/scheduler.ts'),
  ],
  manual: [...written.manual, ...cutFrom('docs/runbook.md'), ...cutFrom('docs/learning.md')],
};
