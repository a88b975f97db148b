/**
 * Token-weighted service per tenant, the virtual token counter of Sheng et al., "Fairness in Serving Large
 * Language Models", OSDI 2024: an output token weighs twice a prompt token, and a tenant that comes back is
 * lifted to the least-served active one, so that idling earns no credit.
 */
const outputWeight = 2;
/** Tenants remembered; beyond it, the least served is forgotten (it is lifted again when it returns). */
const maxTenants = 10_000;

export class FairShare {
  private readonly counters = new Map<string, number>();

  served(tenant: string): number {
    return this.counters.get(tenant) ?? 0;
  }

  /** A tenant starts to wait while `active` tenants have work. */
  arrive(tenant: string, active: ReadonlySet<string>): void {
    if (active.has(tenant)) return;
    let least = Number.POSITIVE_INFINITY;
    for (const other of active) least = Math.min(least, this.served(other));
    if (least !== Number.POSITIVE_INFINITY) this.set(tenant, Math.max(this.served(tenant), least));
  }

  charge(tenant: string, promptTokens: number, outputTokens: number): void {
    this.set(tenant, this.served(tenant) + promptTokens + outputWeight * outputTokens);
  }

  private set(tenant: string, value: number): void {
    this.counters.delete(tenant);
    this.counters.set(tenant, value);
    if (this.counters.size > maxTenants) this.counters.delete(this.counters.keys().next().value!);
  }
}
