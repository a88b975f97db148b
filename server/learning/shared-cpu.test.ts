import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedCpu, type Sharing } from './shared-cpu.ts';

class Engine implements Sharing {
  isShared = false;

  shareCpu(isShared: boolean): void {
    this.isShared = isShared;
  }
}

test('an engine that takes the place of another while the trainer trains shares the CPU as well', () => {
  let serving = new Engine();
  const cpu = new SharedCpu(() => serving);
  cpu.told(true);
  assert.equal(serving.isShared, true);
  serving = new Engine();
  cpu.apply();
  assert.equal(serving.isShared, true);
  cpu.told(false);
  assert.equal(serving.isShared, false);
});
