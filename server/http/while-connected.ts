import type { FastifyReply } from 'fastify';

/** Runs `work` with a signal that is raised when the client leaves. */
export async function whileConnected<T>(
  reply: FastifyReply,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const onClose = (): void => ended.abort(new Error('the client left'));
  reply.raw.once('close', onClose);
  try {
    return await work(ended.signal);
  } finally {
    reply.raw.off('close', onClose);
  }
}
