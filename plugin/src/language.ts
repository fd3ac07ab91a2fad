import { config } from '@grafana/runtime';

import { messages, type MessageKey } from '@/messages';
import { type Text } from '@/types';

/** The language of who looks: what they set in Grafana, else what the page says. */
export function viewerLanguage(): 'zh' | 'en' {
  const set = config.bootData?.user?.language || document.documentElement.lang || 'en';
  return set.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

/** A text of the editors in the viewer's language. */
export function t(key: MessageKey): string {
  return messages[viewerLanguage()][key];
}

/** A title of the catalogue in the viewer's language, or in the other one where it is missing. */
export function titleOf(text: Text | undefined): string {
  const language = viewerLanguage();
  return text?.[language] || text?.zh || text?.en || '';
}
