import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeContract } from './store.ts';
import { openSqlite } from '../../src/store/sqlite.ts';

storeContract('sqlite', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'temper-store-')), 'store.sqlite');
  return () => openSqlite(path);
});
