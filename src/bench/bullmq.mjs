// Adds delayed jobs that are all due at the same moment, waits for it, and prints how many empty ones one worker
// finishes in a second. Arguments: the Redis, the number of jobs.
import { Queue, Worker } from 'bullmq';

const [url, jobs] = [new URL(process.argv[2]), Number(process.argv[3])];
const connection = { host: url.hostname, port: Number(url.port) };
const queue = new Queue('wakes', { connection });
const due = Date.now() + 3000 + jobs / 10;
for (let added = 0; added < jobs; added += 1000) {
  const some = Math.min(1000, jobs - added);
  const opts = () => ({ delay: Math.max(1, due - Date.now()), removeOnComplete: true });
  await queue.addBulk(Array.from({ length: some }, (_, n) => ({ name: 'wake', data: { n }, opts: opts() })));
}
if (Date.now() >= due) throw new Error('adding took longer than the delay');
await new Promise((resolve) => setTimeout(resolve, due + 50 - Date.now()));
const began = performance.now();
let done = 0;
const worker = new Worker('wakes', async () => {}, { connection, concurrency: 100 });
worker.on('completed', () => {
  done += 1;
  if (done === jobs) {
    console.log(jobs / ((performance.now() - began) / 1000));
    process.exit(0);
  }
});
