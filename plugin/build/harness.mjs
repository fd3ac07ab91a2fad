// Builds the browser harness: a page with Grafana's real packages in Grafana's place. Never shipped.
import path from 'node:path';

import { rspack } from '@rspack/core';

import { root, run, typescript } from './common.mjs';

run({
  mode: 'production',
  context: root,
  devtool: false,
  entry: { harness: './harness/index.tsx' },
  target: ['web', 'es2022'],
  module: {
    rules: [
      typescript,
      { test: /\.m?js$/, type: 'javascript/auto', resolve: { fullySpecified: false } }, // else .mjs gets Node's default imports and the table dies
      { test: /\.css$/, type: 'css' },
      { test: /\.(svg|png|ttf|woff2?)$/, type: 'asset/resource' },
    ],
  },
  resolve: {
    extensions: ['.tsx', '.ts', '.mjs', '.js'],
    alias: { '@': path.join(root, 'src') },
    fallback: { fs: false, path: false, stream: false, util: false },
  },
  output: {
    path: path.join(root, 'harness-dist'),
    filename: '[name].js',
    chunkFilename: 'c/[name].js',
    publicPath: '/',
    clean: true,
  },
  plugins: [
    new rspack.CopyRspackPlugin({
      patterns: [
        { from: 'harness/index.html' },
        { from: 'node_modules/@grafana/ui/dist/public/img/icons', to: 'public/build/img/icons' },
      ],
    }),
    new rspack.DefinePlugin({ 'process.env.NODE_ENV': '"production"' }),
  ],
  optimization: { minimize: false },
  performance: false,
});
