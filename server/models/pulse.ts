/**
 * The engine host's pulse: a thread that writes a byte now and then, whatever the main thread computes.
 * It stops when the process is stopped, and only then.
 */
import { writeSync } from 'node:fs';
import { pulseFd, pulseMs } from './host-messages.ts';

setInterval(() => {
  try {
    writeSync(pulseFd, '.');
  } catch {
    // The gateway is gone, or its pipe is full because it is stopped itself: either way nobody listens now.
  }
}, pulseMs);
