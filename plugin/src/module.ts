import { DataSourcePlugin } from '@grafana/data';

import { ConfigEditor } from '@/ConfigEditor';
import { QueryEditor } from '@/QueryEditor';
import { SanyiDataSource } from '@/datasource';
import { type SanyiOptions, type SanyiQuery, type SanyiSecrets } from '@/types';

export const plugin = new DataSourcePlugin<SanyiDataSource, SanyiQuery, SanyiOptions, SanyiSecrets>(SanyiDataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
