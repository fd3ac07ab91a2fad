import { useEffect, useState } from 'react';

import { type SanyiDataSource } from '@/datasource';
import { type Catalog } from '@/types';

/** The data source's catalogue, or why it cannot be read. */
export function useCatalog(datasource: SanyiDataSource): { catalog?: Catalog; error?: string } {
  const [state, setState] = useState<{ catalog?: Catalog; error?: string }>({});
  useEffect(() => {
    let gone = false;
    datasource.getCatalog().then(
      (catalog) => !gone && setState({ catalog }),
      (err: unknown) => !gone && setState({ error: reason(err) })
    );
    return () => {
      gone = true;
    };
  }, [datasource]);
  return state;
}

/** Grafana's request errors carry the back end's message in data. */
function reason(err: unknown): string {
  if (typeof err === 'object' && err !== null) {
    const { data, message } = err as { data?: { message?: string }; message?: string };
    return data?.message ?? message ?? '';
  }
  return String(err);
}
