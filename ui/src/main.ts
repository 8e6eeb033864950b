/** Starts the app: transport, platform, the window's own memory, then the first view. */
import './tokens.css';
import './base.css';
import { mount } from 'svelte';
import { chooseClient } from '$lib/api';
import { I18n } from '$lib/i18n/i18n.svelte';
import { choosePlatform } from '$lib/platform';
import { App } from '$lib/state/app.svelte';
import { Prefs } from '$lib/state/prefs.svelte';
import Root from './App.svelte';

const prefs = new Prefs(localStorage, navigator.languages);
const app = new App(await chooseClient(), choosePlatform(), prefs, new I18n(prefs.locale), localStorage);

const target = document.getElementById('app');
if (target) mount(Root, { target, props: { app } });
if (app.platform.desktop) {
  void import('$lib/platform/shell.svelte').then(({ followShell }) => followShell(app));
}
