// theme.js: dark or light, as the system has it until the reader says otherwise.
import { useEffect, useState } from 'preact/hooks';

const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set();
let chosen = null;

const themeNow = () => chosen ?? (system.matches ? 'dark' : 'light');

function apply() {
  document.documentElement.dataset.theme = themeNow();
  for (const listener of listeners) listener(themeNow());
}

system.addEventListener('change', apply);
apply();

export function toggleTheme() {
  chosen = themeNow() === 'dark' ? 'light' : 'dark';
  apply();
}

export function useTheme() {
  const [theme, setTheme] = useState(themeNow);
  useEffect(() => {
    listeners.add(setTheme);
    return () => listeners.delete(setTheme);
  }, []);
  return theme;
}
