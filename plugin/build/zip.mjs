// Writes dist/ID-VERSION.zip of the repository: the folder plugin/dist under the plugin's id, executable binaries. The
// same input gives the same bytes: names are sorted and no clock is asked.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';

import { ID, root, version as current } from './common.mjs';

const version = process.argv[2] ?? current;
const from = path.join(root, 'dist');
const files = readdirSync(from, { recursive: true, withFileTypes: true })
  .filter((f) => f.isFile())
  .map((f) => path.relative(from, path.join(f.parentPath, f.name)))
  .sort();
for (const need of ['plugin.json', 'module.js', 'gpx_sanyi_lakehouse_linux_amd64', 'gpx_sanyi_lakehouse_linux_arm64']) {
  if (!files.includes(need)) {
    throw new Error(`dist/${need} is missing: make backend frontend`);
  }
}

const EPOCH = 0x5821; // 1 January 2024 in a zip's calendar
const parts = [];
const directory = [];
let offset = 0;
for (const file of files) {
  const name = Buffer.from(`${ID}/${file.split(path.sep).join('/')}`);
  const raw = readFileSync(path.join(from, file));
  const packed = deflateRawSync(raw, { level: 9 });
  const mode = file.startsWith('gpx_') ? 0o100755 : 0o100644;
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0); // version needed
  fields.writeUInt16LE(0x800, 2); // names are UTF-8
  fields.writeUInt16LE(8, 4); // deflate
  fields.writeUInt16LE(EPOCH, 8);
  fields.writeUInt32LE(crc32(raw), 10);
  fields.writeUInt32LE(packed.length, 14);
  fields.writeUInt32LE(raw.length, 18);
  fields.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, name, packed]);
  const tail = Buffer.alloc(14);
  tail.writeUInt32LE((mode << 16) >>> 0, 6);
  tail.writeUInt32LE(offset, 10);
  directory.push(Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), Buffer.from([20, 3]), fields, tail, name])); // made by Unix: modes count
  parts.push(local);
  offset += local.length;
}
const central = Buffer.concat(directory);
const end = Buffer.alloc(18);
end.writeUInt16LE(files.length, 4);
end.writeUInt16LE(files.length, 6);
end.writeUInt32LE(central.length, 8);
end.writeUInt32LE(offset, 12);
const zip = Buffer.concat([...parts, central, Buffer.from('PK\x05\x06', 'latin1'), end]);
const target = path.join(root, '..', 'dist', `${ID}-${version}.zip`);
mkdirSync(path.dirname(target), { recursive: true });
writeFileSync(target, zip);
console.log(
  `${path.relative(process.cwd(), target)} ${zip.length} bytes sha256 ${createHash('sha256').update(zip).digest('hex')}`
);
