// address.js: what is shown is in the address, so that it can be sent to someone:
//
//   #view=flame&metric=bytes&mode=inverted     #site=12     #lock=3     #range=4-9     #process=2
import { useEffect, useState } from 'preact/hooks';

export function readAddress() {
  const fields = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  if (fields.view === undefined) {
    if (fields.site !== undefined) fields.view = 'sites';
    else if (fields.lock !== undefined) fields.view = 'locks';
    else fields.view = 'overview';
  }
  return fields;
}

// The address of what is shown now, but for these fields; undefined ones are taken out.
export function addressWith(changes) {
  const fields = { ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))), ...changes };
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '');
  return `#${new URLSearchParams(kept)}`;
}

export const go = (changes) => { location.hash = addressWith(changes); };

// Without a step in the history: for what changes with each key.
export function replace(changes) {
  history.replaceState(null, '', addressWith(changes));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useAddress() {
  const [fields, setFields] = useState(readAddress);
  useEffect(() => {
    const read = () => setFields(readAddress());
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  return fields;
}
