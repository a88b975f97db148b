/** All recognisers, the more specific before the less: of two kinds for the same characters, the earlier is taken. */
import { assignedSecret } from './assignment.ts';
import { authorization } from './authorization.ts';
import { card } from './card.ts';
import { credentials, curlCredentials } from './credentials.ts';
import { email } from './email.ts';
import { iban } from './iban.ts';
import { jsonWebToken } from './json-web-token.ts';
import { awsSecretKey, azureSecret, prefixedKey, telegramToken } from './key.ts';
import { nhsNumber, residentId, ssn, taxId } from './national-id.ts';
import { ipAddresses, mac } from './network-address.ts';
import { phone } from './phone.ts';
import { privateKey } from './private-key.ts';
import { randomString } from './random-string.ts';
import type { Recogniser } from './recogniser.ts';
import { base58Wallet, bech32Wallet, ethereumWallet } from './wallet.ts';

export const recognisers: readonly Recogniser[] = [
  privateKey,
  jsonWebToken,
  prefixedKey,
  awsSecretKey,
  azureSecret,
  telegramToken,
  credentials,
  curlCredentials,
  iban,
  residentId,
  card,
  nhsNumber,
  taxId,
  ssn,
  email,
  ...ipAddresses,
  mac,
  base58Wallet,
  bech32Wallet,
  ethereumWallet,
  phone,
  authorization,
  assignedSecret,
  randomString,
];
