/** Addresses of the internet that belong to nobody in particular. Computation only: nothing is opened. */
import { BlockList } from 'node:net';

/** IANA IPv4 Special-Purpose Address Registry (RFC 6890 and later), and class D and E. */
const reservedV4 = `0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3`;
/** Within 2000::/3, the part in use: benchmarking and both documentation prefixes (RFC 5180, 3849, 9637). */
const reservedV6 = '2001:2::/48 2001:db8::/32 3fff::/20';

function listOf(ranges: string, family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges.split(/\s+/)) {
    const [address, prefix] = range.split('/') as [string, string];
    list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

const nobodysV4 = listOf(reservedV4, 'ipv4');
const nobodysV6 = listOf(reservedV6, 'ipv6');
const globalV6 = listOf('2000::/3', 'ipv6');

export const isPublicV4 = (address: string): boolean => !nobodysV4.check(address, 'ipv4');
export const isPublicV6 = (address: string): boolean =>
  globalV6.check(address, 'ipv6') && !nobodysV6.check(address, 'ipv6');
