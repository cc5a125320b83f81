// Makes one file that needs nothing beside it but Node: dist/poll of src/main.js, or
//
//     node build.mjs ENTRY FILE
import { build } from 'esbuild';
import { chmod, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const [entry = 'src/main.js', outfile = 'dist/poll'] = process.argv.slice(2);

await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minify: true,
  keepNames: true, // for stack traces in the host's log
  legalComments: 'eof', // the licences of what is bundled
  loader: { '.proto': 'text' },
  // The host starts a feature without PATH, so env finds what is in /bin and
  // /usr/bin. A Node elsewhere is named by its path: INTERPRETER=$(which node).
  banner: { js: `#!${process.env.INTERPRETER ?? '/usr/bin/env node'}` },
  logLevel: 'warning',
});
await chmod(outfile, 0o755);
// Where the host runs it there is no package.json, and a file without extension
// is CommonJS. Here, too, then.
await writeFile(join(dirname(outfile), 'package.json'), '{"type":"commonjs"}\n');
