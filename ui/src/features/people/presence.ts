/** How available somebody is, in words. */
import type { Member } from '$lib/api/generated';
import { ago } from '$lib/i18n/format';
import type { App } from '$lib/state/app.svelte';

export function presenceOf(app: App, member: Pick<Member, 'account' | 'online' | 'presence'>): string {
  const { t, locale } = app.i18n;
  if (member.online) {
    return member.presence === 'away' || member.presence === 'busy'
      ? t(`presence.${member.presence}`)
      : t('person.online');
  }
  const seen = app.people.get(member.account)?.lastSeenMs;
  return seen ? t('person.last_seen', { when: ago(seen, Date.now(), locale) }) : t('person.offline');
}
