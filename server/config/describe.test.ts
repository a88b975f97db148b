import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { environmentName, flagAliases, flagName, settingNames, settings } from './declaration.ts';
import { configurationSchema, effectiveListing, settingsHelp } from './describe.ts';
import { loadConfig } from './load.ts';

test('every default is accepted by its own setting, and by the schema of the file', () => {
  const tree: Record<string, Record<string, unknown>> = {};
  for (const name of settingNames) {
    assert.deepEqual(settings[name].parse(settings[name].default), { value: settings[name].default }, name);
    const [section, key] = name.split('.') as [string, string];
    tree[section] ??= {};
    tree[section][key] = settings[name].default;
  }
  const validate = new Ajv2020({ strict: false }).compile(configurationSchema());
  assert.equal(validate(tree), true, JSON.stringify(validate.errors));
  assert.equal(validate({ server: { prot: 1 } }), false);
  assert.equal(validate({ server: { port: -1 } }), false);
});

test('no two settings share a flag or a variable', () => {
  for (const naming of [flagName, environmentName]) {
    assert.equal(new Set(settingNames.map(naming)).size, settingNames.length);
  }
  for (const [alias, name] of Object.entries(flagAliases)) {
    assert.ok(!settingNames.some((other) => flagName(other) === alias && other !== name), alias);
  }
});

test('names follow from the setting', () => {
  assert.equal(environmentName('engine.prefixCacheBytes'), 'MILLRACE_ENGINE_PREFIX_CACHE_BYTES');
  assert.equal(flagName('engine.prefixCacheBytes'), 'engine-prefix-cache-bytes');
});

test('help names every flag', () => {
  const help = settingsHelp();
  for (const name of settingNames) assert.ok(help.includes(`--${flagName(name)}`), name);
  assert.match(help, /--port, --server-port/);
});

test('the listing shows each value with its source and masks secrets', () => {
  const keys = JSON.stringify([{ name: 'a', sha256: '0123456789abcdef'.repeat(4) }]);
  const listing = effectiveListing(
    loadConfig({ environment: { MILLRACE_AUTH_KEYS: keys }, flags: { 'server.port': '9' } }),
  );
  assert.match(listing, /^server\.port +9 +flag$/m);
  assert.match(listing, /^auth\.keys +\*{8} +environment$/m);
  assert.match(listing, /^engine\.maxContext +2048 +default$/m);
  assert.ok(!listing.includes('0123456789abcdef'));
});
