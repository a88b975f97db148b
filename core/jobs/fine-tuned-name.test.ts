import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fineTunedName, parseFineTunedName } from './fine-tuned-name.ts';

const adapter = '0123456789ab';

test('a name says what it was made of, with a suffix and without', () => {
  for (const suffix of ['', 'my-suffix_1.0']) {
    const parts = { model: 'smollm2-135m', tenant: 'team.a', suffix, adapter };
    assert.deepEqual(parseFineTunedName(fineTunedName(parts)), parts);
  }
  assert.equal(fineTunedName({ model: 'm', tenant: 't', suffix: '', adapter }), 'ft:m:t::0123456789ab');
});

test('what is no such name is none', () => {
  const others = [
    'smollm2-135m',
    'ft:m:t::0123456789a',
    'ft:m:t::0123456789AB',
    'ft:m:t:0123456789ab',
    'ft:m:t:s:x:0123456789ab',
    'ft:m:t:s:0123456789ab:',
    'ft::t:s:0123456789ab',
    'ft:m::s:0123456789ab',
    'ft:../m:t:s:0123456789ab',
    `ft:m:t:${'s'.repeat(65)}:0123456789ab`,
    'FT:m:t::0123456789ab',
    '',
  ];
  for (const id of others) assert.equal(parseFineTunedName(id), null, id);
});
