// Before SIGTERM: the server says that it is not ready, and load balancers get time to notice. Running requests go on. Waits the
// seconds that it is given, whatever the server says: the pod ends in any case.
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

const [seconds, admin = 'http://127.0.0.1:8081', keyFile = '/run/secrets/millrace-admin/key'] =
  process.argv.slice(2);
const waitMs = Number(seconds) * 1000;

async function sayNotReady() {
  const key = await readFile(keyFile, 'utf8').catch(() => null);
  const headers = key === null ? {} : { authorization: `Bearer ${key.trim()}` };
  const signal = AbortSignal.timeout(waitMs);
  const { ok, status } = await fetch(`${admin}/admin/drain`, { method: 'POST', headers, signal });
  if (!ok) throw new Error(`the admin listener answers ${status}`);
}

const told = sayNotReady().catch((error) => console.error(`not drained: ${error.message}`));
await Promise.all([told, setTimeout(waitMs)]);
