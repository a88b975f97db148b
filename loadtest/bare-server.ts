/** What Node alone costs: a node:http server that reads a body and streams what a completion of one token looks like. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const frame = (fields: object): string => `data: ${JSON.stringify(fields)}\n\n`;
const head = {
  id: 'cmpl-00000000-0000-0000-0000-000000000000',
  object: 'text_completion',
  created: 0,
  model: 'null',
  system_fingerprint: 'null',
};
const choice = { index: 0, text: '.', logprobs: null, finish_reason: null };
const answer = [
  frame({ ...head, choices: [choice] }),
  frame({ ...head, choices: [{ ...choice, text: '', finish_reason: 'length' }] }),
  'data: [DONE]\n\n',
].join('');

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write(answer);
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit(0));
