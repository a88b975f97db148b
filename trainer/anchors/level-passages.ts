/** Sixty short original passages (law, code, manuals, other things, in turn) that a model should go on predicting as before. */
export const levelPassages: readonly string[] = [
  `"Confidential Information" means any data, drawings, prices or plans that one party discloses to the other and marks as
confidential. It does not include information that (a) was already known to the recipient, (b) is or becomes public without
breach of this Agreement, or (c) was developed independently of the disclosure.`,
  `import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until it is up, and waits twice as long each time. */
export async function untilReady(isReady: () => Promise<boolean>, limit = 6): Promise<void> {
  for (let i = 0; i < limit; i++) {
    if (await isReady()) return;
    await sleep(100 * 2 ** i);
  }
}`,
  `#### Options of \`archive\`

| Option      | Default | Meaning                     |
| ----------- | ------- | --------------------------- |
| \`--level\`   | 6       | Compression, from 0 to 9    |
| \`--exclude\` | -       | Skip matching paths         |
| \`--dry-run\` | off     | Print what would be written |`,
  `Grandmother kept the good scissors in a biscuit tin, and the biscuits in the drawer for the scissors. It was, she said, the
only way to know who had been looking for what. When we cleared the flat in October we found three more tins, each with a
label in her careful hand, and not one of the labels told the truth.`,

  `Deductible: the policyholder bears the first EUR 300 of every loss. Damage by water is covered only if it came from a burst
pipe, a washing machine or a heating system; damage by groundwater or by slow seepage is excluded. A theft must be reported
to the police within 48 hours, and the insurer receives a copy.`,
  `from dataclasses import dataclass


@dataclass
class RunningMean:
    """Mean of a stream, without keeping the samples."""

    count: int = 0
    mean: float = 0.0

    def add(self, x: float) -> None:
        self.count += 1
        delta = x - self.mean
        self.mean += delta / self.count`,
  `### Replacing a failed disk

1. Find the slot: \`storectl disks --failed\` prints the bay and the serial number.
2. Turn on the locator light and compare the serial number with the label.
3. Pull the carrier, wait 20 seconds until the platters stand still, and insert the new disk.
4. Watch the rebuild; 4 TB take about seven hours.`,
  `Glaciers do not only slide; they also flow. Under the weight of some fifty meters of snow, ice crystals deform and the mass
creeps downhill like very stiff honey. The surface, under less pressure, stays brittle and breaks into crevasses. A valley
glacier moves between 10 and 200 meters a year, fastest along its center line.`,

  `Article 14 (Transfer of shares). A shareholder who intends to sell shall first offer the shares to the others in proportion
to their holdings, stating the price and the buyer. The offer stays open for thirty days. Shares that nobody has taken up
by then may be sold to the named buyer, at no lower price, within six months.`,
  `package limit

import (
	"sync"
	"time"
)

// Bucket lets through rate events per second, in bursts up to size.
type Bucket struct {
	mu                 sync.Mutex
	tokens, size, rate float64
	last               time.Time
}

func New(rate, size float64) *Bucket {
	return &Bucket{tokens: size, size: size, rate: rate}
}`,
  `**POST /v1/exports** starts an export and returns its id at once. The body takes \`format\` ("csv" or "parquet"), \`since\` (an
ISO 8601 date, optional) and \`columns\` (an array of names, default all).

Responses: \`202\` with \`{"id": "...", "state": "queued"}\`, \`400\` for an unknown column, \`409\` while another export runs.`,
  `"Is this seat taken?"
"It depends. Are you going to eat that here?"
"It's only an orange."
"Nothing is only an orange in a closed compartment." He lifted his hat from the seat all the same.
"You can have half," I said.
"I was hoping you would be more stubborn," said the man, and held out his hand.`,

  `Overtime is work that the employer has ordered or knowingly accepted beyond forty hours a week. It is paid at 125 per cent of
the hourly wage, or at 150 per cent on Sundays and public holidays. It may be compensated with time off instead, to be taken
within the same quarter. Agreements that exclude both are void.`,
  `export type JobEvent =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'failed'; readonly reason: string };

export function describe(event: JobEvent): string {
  if (event.kind === 'failed') return \`failed: \${event.reason}\`;
  return \`\${event.done} of \${event.total}\`;
}`,
  `# Changelog

## 3.2.0 - 2023-09-18

### Added
- \`--json\` prints the report in a form that other programs can read.
- Mirrors can be given a weight.

### Fixed
- A checksum ending in a zero byte was reported as wrong (#418).
- The progress bar no longer jumps back when a download is resumed.

### Removed
- Support for Node 16.`,
  `Printing reached the valley in 1521, on a cart that had twice lost a wheel. The owner of the press set up shop behind the salt
market and began with calendars, which sold, and went on to sermons, which did not. Within a decade the town had five presses,
a guild, a censor, and a lively trade in forbidden almanacs.`,

  `We may suspend your account without notice if payments fail repeatedly, if automated requests put the stability of the service
at risk, or if we are obliged to do so by law. You can export your data for thirty days after that. Fees paid in advance are
refunded pro rata, except after a serious breach of section 5.`,
  `use std::collections::HashMap;

/// Counts how often each word occurs, without regard to case.
pub fn frequencies(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    counts
}`,
  `Status LEDs. Steady green: the unit is powered and linked. Slow green (1 Hz): firmware is being loaded; do not disconnect.
Amber: inlet temperature above 45 C, fans at full speed. Red, two flashes: PSU 2 missing or without input voltage. Red,
steady: internal fault. Note the code shown by \`show diag\` before you return the unit.`,
  `Lentil soup for four: fry one chopped onion and two carrots in olive oil until soft, about 8 minutes. Stir in a teaspoon of
cumin, half a teaspoon of paprika and 250 g of red lentils. Add 1.2 liters of stock and simmer for 25 minutes. Finish with
lemon juice and salt. It thickens overnight; thin it with a little hot water.`,

  `Section 212. Any person who offers goods for sale by weight shall use a scale that bears the seal of the inspectorate for the
current year. (2) The seal lapses if the scale has been opened or repaired. (3) A person who contravenes subsection (1) is
liable to a fine not exceeding level 3, and the goods weighed may be seized.`,
  `// What is written with a unit is read as milliseconds.
test('a duration may have several units', () => {
  assert.equal(parseDuration('1h30m'), 5_400_000);
  assert.equal(parseDuration('250ms'), 250);
});

test('a duration without a unit is refused', () => {
  assert.throws(() => parseDuration('90'), /unit/);
});`,
  `##### Running behind a proxy

The service trusts \`X-Forwarded-For\` only from the addresses in \`TRUSTED_PROXIES\` (comma separated, CIDR allowed). Without
that variable the header is ignored and the peer address is logged. WebSockets need \`Upgrade\` and \`Connection\` to be
passed on; set the proxy's idle timeout to at least 75 s.`,
  `City 2, Rovers 3. For an hour the visitors barely crossed the halfway line, and at two goals down their supporters had begun
to fold the banners. Then came a corner, a deflection, a penalty, and in the fourth minute of added time a volley from
twenty-five yards that the goalkeeper only watched. Rovers are third, on 41 points.`,

  `What, then, is a "vehicle" within the meaning of the by-law? The appellant says that a pram with a motor is none, since it
carries no driver. That reading has the wording on its side but not the purpose, which is to keep the footpaths safe for those
on foot. We hold that the motor, and not the seat, is decisive.`,
  `CREATE TABLE reading (
  sensor_id  integer     NOT NULL REFERENCES sensor (id) ON DELETE CASCADE,
  taken_at   timestamptz NOT NULL,
  celsius    numeric(5, 2) CHECK (celsius BETWEEN -60 AND 90),
  PRIMARY KEY (sensor_id, taken_at)
);

CREATE INDEX reading_recent ON reading (taken_at DESC) WHERE celsius IS NOT NULL;`,
  `\`snapshot.interval\` (duration, default \`15m\`)
: How often the state is written to disk. Smaller values shorten recovery but cost write bandwidth. \`0\` turns snapshots off.

\`snapshot.keep\` (integer, default \`4\`)
: How many snapshots stay. The oldest is deleted only after the new one has been synced and its checksum read back.`,
  `Above the last village the road turns to gravel and the bus to an argument. Our driver stopped at every chapel, once for a
goat, and once because the view, he said, deserved it. By noon we stood at 3,900 meters with thin air, strong tea and a market
that sold batteries, coca leaves and school uniforms from the same blanket.`,

  `Subject to the terms of this License, each Contributor grants You a perpetual, worldwide, royalty-free patent license to make,
use and sell the Contribution. If You bring a patent claim against anyone alleging that the Software infringes, the licenses
granted to You under this section end on the day the claim is filed.`,
  `export class LruCache<K, V> {
  readonly #entries = new Map<K, V>();

  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    // What is set anew moves to the end.
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }
}`,
  `Symptom: clients see \`certificate has expired\` although the renewal job is green.

Cause: the load balancer keeps the old certificate in memory until reloaded.

Steps:
- [ ] \`certs status --all\`, look for a past date
- [ ] \`lb reload --graceful\` on one node, wait for 2 minutes
- [ ] repeat on the others, then close the alert`,
  `Why is there no largest prime? Suppose there were only finitely many, and multiply them all together. Add one. The new number
leaves remainder 1 when it is divided by any prime on the list, so none of them divides it. Yet every integer above 1 has a
prime factor. That factor is missing from a list supposed to be complete.`,

  `Server logs contain the address of your device, the page requested, the time and the browser's name. We process them to detect
attacks; the legal basis is our legitimate interest (Art. 6(1)(f) GDPR). They are erased after 14 days unless an incident is
under investigation. You have the right to access, erasure and objection.`,
  `apiVersion: apps/v1
kind: Deployment
metadata:
  name: thumbnailer
spec:
  replicas: 3
  template:
    spec:
      containers:
        - name: worker
          image: registry.local/thumbnailer:1.9.2
          resources:
            limits: { cpu: "2", memory: 1Gi }
          ports:
            - containerPort: 8081`,
  `Calibrating the sensor: let the instrument warm up for 15 minutes, rinse the probe with distilled water and blot it dry. Place
it into the pH 7.00 buffer, press CAL and wait for "STBL". Repeat with pH 4.01. A slope between 92 % and 102 % is acceptable;
below 92 %, clean or replace the electrode (see chapter 6.3).`,
  `My dear Marta,

The parcel arrived on Friday, a little crushed but with all six cups alive. I put them on the sill where you can see them
if you ever come by, which you should. The garden is a disgrace. Father asks whether the plum jam is from this year or from
the famous one, and I told him to taste it and guess.

Yours, Ida`,

  `Rent shall be adjusted once a year in line with the consumer price index, base year 2015 = 100. An adjustment takes effect two
months after the lessor has announced it in text form and has shown how it was calculated. Increases of more than 15 per cent
within three years are excluded. Service charges are settled separately.`,
  `/**
 * Learning rate: linear warm-up, then half a cosine.
 * @param step from zero
 */
export function rateAt(step: number, peak: number, warmup: number, end: number) {
  if (step < warmup) return (peak * step) / warmup;
  const part = (step - warmup) / (end - warmup);
  return (peak / 2) * (1 + Math.cos(Math.PI * part));
}`,
  `Quick start
===========

Unpack the release, copy \`sample.toml\` to \`relay.toml\` and set at least \`listen\` and \`upstream\`. Then:

    $ relay check relay.toml
    $ relay serve --config relay.toml

\`check\` reads the file, resolves every host name and exits with 3 if a certificate cannot be opened. Logs go to stderr.`,
  `La biblioteca ocupa un antiguo convento y conserva unos veinte mil libros, además de mapas y partituras. Durante el verano
cierra a las dos, pero los jueves hay lecturas en el patio hasta la medianoche. El año pasado vinieron trescientas
personas a escuchar a una poeta de ochenta y nueve años que recitó de memoria toda su obra.`,

  `Any dispute arising out of or in connection with this contract, including its existence or termination, shall be finally
settled by arbitration. The tribunal consists of three arbitrators; each side nominates one, and these two choose the chair. The
seat is Geneva, the language English. Interim relief may be sought in any court.`,
  `def windows(tokens: list[int], size: int, stride: int):
    """Yield (start, window) pairs that cover all tokens."""
    if stride <= 0 or size < stride:
        raise ValueError("bad stride")
    for start in range(0, max(len(tokens) - size + stride, 1), stride):
        yield start, tokens[start : start + size]`,
  `# Metrics

| Name                  | Kind      | Labels            |
| :-------------------- | :-------- | :---------------- |
| \`http_requests_total\` | counter   | \`route\`, \`status\` |
| \`queue_depth\`         | gauge     | \`queue\`           |
| \`job_seconds\`         | histogram | \`job\`             |

Served on port 9464.`,
  `Residents of the lower town were told to boil their water for a second week after tests found bacteria in two wells. The
utility said a cracked main near the stadium was the likely source and that repairs would cost around 1.4 million dollars.
Schools will hand out bottled water. "We smelled it in May," said a baker.`,

  `Directors owe the company a duty of care and loyalty. A director who has a personal interest in a transaction must disclose it
to the board before it is discussed, and leaves the room for the vote. The minutes record the disclosure. A resolution passed
in breach of this rule may be set aside within one year.`,
  `root@web2:~# du -sh /var/log/* | sort -rh | head -2
4.1G    /var/log/journal
912M    /var/log/nginx
root@web2:~# journalctl --vacuum-size=500M
Vacuuming done, freed 3.6G of archived journals from /var/log/journal.
root@web2:~# df -h /var
Filesystem      Size  Used Avail Use% Mounted on
/dev/sda3        20G  9.2G  9.7G  49% /var`,
  `Jumper settings (board revision C and later). J4 1-2: boot from flash; 2-3: boot from serial port. J7 open: write protection
on. J9 selects the I/O voltage, 3.3 V as delivered; move it to 1.8 V only with the power removed. Torque for the heat sink
screws: 0.6 Nm, crosswise. Unused analog inputs should be tied to AGND.`,
  `November, and the field has nothing to declare:
a fence, two crows, the stubble gone to gray.
I walk the edge and find your glove still there,
its fingers pointing neither home nor away.

What did we plant that never broke the ground?
The wind goes over it and makes no sound.`,

  `Where a consumer concludes a contract at a distance, he or she may withdraw from it within fourteen days without giving any
reason. The period begins on receipt of the goods. The trader shall reimburse all payments, but may
withhold them until the goods are back. Sealed recordings that were opened are exempt.`,
  `import type { Tensor } from '../tensor/tensor.js';

/** Softmax; the maximum is taken off so nothing overflows. */
export function softmax({ data }: Tensor) {
  const top = Math.max(...data);
  const powers = data.map((x) => Math.exp(x - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((x) => x / sum);
}`,
  `Upgrading from 5.x to 6.0

Stop all writers first; readers may go on. Run \`dbtool migrate --plan\` and keep its output. The migration rewrites the index
(roughly 1 minute per 10 GB) and cannot be undone, so take a backup. Clients older than 5.4 are rejected afterwards with error
\`E1107 protocol too old\`.`,
  `Chaque soir, quand les touristes sont repartis, le village se rend à lui-même. On sort les chaises devant les portes,
quelqu'un accorde une guitare, et la boulangère raconte pour la dixième fois l'histoire du cheval qui avait mangé les registres
de la mairie. Personne n'y croit, mais chacun attend la fin.`,

  `It is settled that a penalty must be proportionate to the gravity of the infringement. The Commission doubled the basic amount
because the undertaking had destroyed documents; however, the same fact had already served to establish intent. To count it
twice is an error of law. The fine is reduced from 8.2 to 5.5 million euros.`,
  `<section class="plans">
  <h2>Choose a plan</h2>
  <article class="card">
    <h3>Basic</h3>
    <p><strong>$4</strong> a month, up to 3 projects</p>
    <button type="button" disabled>Current plan</button>
  </article>
</section>
<style>
  .plans { display: grid; gap: 1.5rem; grid-template-columns: repeat(3, 1fr); }
</style>`,
  `Environment variables

\`CACHE_DIR\`    Where fetched files are kept. Default: \`~/.cache/fetchd\`
\`MAX_PARALLEL\` Downloads at the same time (1-64, default 8)
\`LOG_LEVEL\`    \`debug\`, \`info\`, \`warn\` or \`error\`
\`NO_COLOR\`     If set, output has no colors

Flags on the command line win over variables, and variables over the file.`,
  `Boredom has lost its advocates. We used to meet it in waiting rooms and on long drives, and it made us count tiles, invent
songs, or think a thought to its end. Now a glowing rectangle rescues us within seconds. I do not want the old waiting rooms
back; I only wonder who is going to count the tiles.`,

  `Upon termination of the employment, for whatever reason, the employee shall return all equipment, access cards and records, and
shall delete copies kept on private devices. For twelve months he shall not solicit customers with whom he dealt in his
last two years. In return the company pays half of his salary for each such month.`,
  `@pytest.mark.parametrize("length", [1, 2, 17])
def test_no_position_sees_the_future(length):
    mask = causal_mask(length)
    assert mask.shape == (length, length)
    hidden = mask[np.triu_indices(length, k=1)]
    assert np.all(np.isneginf(hidden))
    assert np.all(mask[np.tril_indices(length)] == 0)`,
  `> **Warning**
> \`purge\` deletes objects in all regions and does not ask again.

### Retention rules

A rule has a prefix, an age in days and an action (\`archive\` or \`purge\`). If several rules match an object, the longest prefix
wins. Rules are evaluated nightly at 02:00 UTC; see **Audit > Retention** for what they did.`,
  `Zwischen den beiden Weltmeeren liegt an dieser Stelle kaum mehr als ein Tagesmarsch. Wer früh aufbricht, sieht am Morgen die
Sonne aus dem einen steigen und am Abend im anderen versinken. Die Händler kannten den Weg seit Jahrhunderten; auf den Karten
erschien er erst 1743, und auch dann noch mit einem Gebirge, das es nicht gibt.`,
];
