import { createPool } from '../platform/db.ts';
import { runListeners } from '../platform/event-listeners.ts';
import { createLog } from '../platform/log.ts';
import { createLocalWakeUp } from '../platform/wake-up.ts';
import { recordNames } from './recording-listener.ts';

/*
 * A process for the crash test: it writes an effect, says so on standard output, and then never ends its transaction, until
 * somebody kills it. Argument: the URL of transfer's role.
 */
const url = process.argv[2] ?? '';
const password = decodeURIComponent(new URL(url).password);
const log = createLog('silent');
const pool = createPool({ url, role: 'dwaybank_transfer', password, schema: 'transfer', max: 2, onError: () => {} });

const listener = recordNames('transfer.effects', async () => {
  process.stdout.write('effect written\n');
  await new Promise((never) => setInterval(never, 1_000_000));
});
runListeners({ pool, wakeUp: createLocalWakeUp(log), log, pollMs: 20 }, [listener]);
