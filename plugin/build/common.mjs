// What the plugin's and the harness's builds share.
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { rspack } from '@rspack/core';

export const ID = 'sanyi-lakehouse-datasource';
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
export const version =
  process.env.SANYI_VERSION || createRequire(import.meta.url)(path.join(root, 'package.json')).version;

export const typescript = {
  test: /\.tsx?$/,
  exclude: /node_modules/,
  loader: 'builtin:swc-loader',
  options: {
    jsc: {
      parser: { syntax: 'typescript', tsx: true },
      target: 'es2022',
      transform: { react: { runtime: 'automatic', development: false } },
    },
  },
  type: 'javascript/auto',
};

/** Runs a build and fails the process when it has an error. */
export function run(config) {
  rspack(config, (err, stats) => {
    if (err || stats.hasErrors()) {
      console.error(err ?? stats.toString({ all: false, errors: true, errorDetails: true }));
      process.exitCode = 1;
      return;
    }
    console.log(stats.toString({ all: false, assets: true, timings: true, assetsSpace: 8 }));
  });
}
