/** A way to a server that can be made slow, cut, or swallow all that is sent, as networks do. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type ProxyMode =
  | { readonly kind: 'open' }
  /** In each direction. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Connections are taken and stay, and nothing comes through. */
  | { readonly kind: 'black-hole' }
  | { readonly kind: 'refused' };

export class TcpProxy {
  private readonly server: Server;
  private readonly target: number;
  private readonly sockets = new Set<Socket>();
  private mode: ProxyMode = { kind: 'open' };

  private constructor(target: number) {
    this.target = target;
    this.server = createServer((socket) => this.accept(socket));
  }

  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Also of connections that are there already. Those of a slow way end with it: later bytes must not overtake. */
  set(mode: ProxyMode): void {
    const wasSlow = this.mode.kind === 'slow';
    this.mode = mode;
    if (mode.kind === 'refused' || wasSlow) this.cut();
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(near: Socket): void {
    if (this.mode.kind === 'refused') {
      near.destroy();
      return;
    }
    const far = connect(this.target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      from.on('data', (bytes) => this.pass(bytes, to));
    }
  }

  /** What a black hole has swallowed does not come out again. */
  private pass(bytes: Buffer, to: Socket): void {
    if (this.mode.kind === 'black-hole') return;
    if (this.mode.kind !== 'slow') to.write(bytes);
    else setTimeout(() => to.writable && to.write(bytes), this.mode.delayMs);
  }
}
