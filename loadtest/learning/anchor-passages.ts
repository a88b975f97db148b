/**
 * Passages whose perplexity shows what teaching does to everything else: legal prose, code, manuals and chat. Written for
 * this benchmark; nobody trains on them.
 */

export type PassageKind = 'legal' | 'code' | 'manual';

export const anchorPassages: Readonly<Record<PassageKind, readonly string[]>> = {
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
