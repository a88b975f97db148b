/** Ids of uploaded files and of jobs. They become names on disk, so that a strange one is refused before any path is made. */
import { randomUUID } from 'node:crypto';

const newHex = (): string => randomUUID().replaceAll('-', '');

export const newFileId = (): string => `file-${newHex()}`;
export const newJobId = (): string => `ftjob-${newHex()}`;
export const newEventId = (): string => `ftevent-${newHex()}`;

export const isFileId = (id: string): boolean => /^file-[0-9a-f]{32}$/.test(id);
export const isJobId = (id: string): boolean => /^ftjob-[0-9a-f]{32}$/.test(id);
