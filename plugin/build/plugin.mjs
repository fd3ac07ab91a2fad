// Builds the plugin's front end into plugin/dist: what Grafana itself holds stays outside the bundle.
import path from 'node:path';

import { rspack } from '@rspack/core';

import { ID, root, run, typescript, version } from './common.mjs';

// A fixed day makes the same sources give the same bytes.
const today = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? Date.now() / 1000) * 1000).toISOString().slice(0, 10);

run({
  mode: 'production',
  context: path.join(root, 'src'),
  entry: { module: './module.ts' },
  devtool: 'source-map',
  target: ['web', 'es2022'],
  // @grafana/schema and @grafana/i18n are not the host's to give: types alone, or bundled.
  externals: [
    'react',
    'react/jsx-runtime',
    'react-dom',
    'rxjs',
    'lodash',
    '@emotion/css',
    /^@grafana\/(data|runtime|ui)$/,
  ],
  module: { rules: [typescript] },
  resolve: { extensions: ['.ts', '.tsx', '.js'], alias: { '@': path.join(root, 'src') } },
  output: {
    path: path.join(root, 'dist'),
    filename: '[name].js',
    library: { type: 'amd' },
    publicPath: `public/plugins/${ID}/`,
    uniqueName: ID,
    clean: { keep: /gpx_/ },
  },
  plugins: [
    new rspack.CopyRspackPlugin({
      patterns: [
        {
          from: 'plugin.json',
          transform: (text) => text.toString().replace('%VERSION%', version).replace('%TODAY%', today),
        },
        { from: 'img/**' },
        { from: 'dashboards/*.json' },
        { from: path.join(root, 'README.md') },
        { from: path.join(root, '..', 'LICENSE') },
      ],
    }),
  ],
});
