// overview.jsx: the first screen: what it comes to, what is wrong, what was lost.
import { addressWith } from './address.js';
import { isExact, valueOf } from './data.js';
import { formatBytes, formatCount, formatInterval, formatNumber, formatPlace, formatShare, formats, formatTime, nameOf, visible } from './format.js';
import { metricOf } from './model.js';
import { Facts, Stack } from './parts.jsx';
import { Timeline } from './timeline.jsx';

function Card({ id, label, number, unit, detail }) {
  return (
    <div class="card" id={`card-${id}`}>
      <h3>{label}</h3>
      <data class="big" value={valueOf(number)}>{formatNumber(number, unit)}</data>
      <p class="interval">{detail ?? (isExact(number) ? 'exact' : `95 %: ${formatInterval(number, unit)}`)}</p>
    </div>
  );
}

function cardsOf(process, range) {
  const { heap, locks } = process;
  const timed = (id, of) => (range === null || !process.hasTime ? of[id] : process.totalInRange(metricOf(id), range));
  const inRange = (number, unit) => (range === null ? undefined : `in the chosen time${isExact(number) ? '' : `, 95 %: ${formatInterval(number, unit)}`}`);
  const card = (id, metric, label, of) => {
    const { unit } = metricOf(metric);
    const number = timed(metric, of);
    return { id, label, number, unit, detail: inRange(number, unit) };
  };
  const cards = [];
  if (heap !== null) {
    const share = formatShare(valueOf(timed('temporary', heap)), valueOf(timed('allocations', heap)));
    cards.push(
      card('allocations', 'allocations', 'Allocations', heap),
      card('bytes', 'bytes', 'Bytes allocated', heap),
      card('temporary', 'temporary', `Temporary, ${share}`, heap),
      { id: 'peak', label: `Peak at ${formatTime(heap.peak_time_ns)}`, number: heap.peak_bytes, unit: 'bytes', detail: range === null ? undefined : 'of the whole recording' },
      card('leaked', 'leaked_bytes', range === null ? 'Leaked' : 'Leaked of what was made then', heap),
    );
  }
  if (locks !== null) cards.push(card('wait', 'wait_ns', `Waited for locks, ${formatCount(valueOf(locks.contended))} times`, locks));
  return cards;
}

function placeOfFinding(where, process) {
  if (where.lock !== undefined) {
    const lock = process.lockCalled(where.lock, where.address);
    return { name: visible(where.lock), link: lock && { lock: lock.id } };
  }
  if (where.allocator !== undefined) return { name: visible(where.allocator), link: null };
  const site = process.siteAt(where.stack);
  const frames = process.tables.framesOf(where.stack);
  const frame = frames.find(({ name }) => name === where.function) ?? frames[0] ?? null;
  return { name: frame === null ? '(unknown)' : `${nameOf(frame)}, ${formatPlace(frame)}`, link: site && { site: site.id }, frames };
}

const GAINS = {
  time_ns: ['ns', 'of time'],
  memory_bytes: ['bytes', 'of memory'],
  copied_bytes: ['bytes', 'not copied'],
  calls: ['count', 'calls'],
  growth_bytes_per_hour: ['bytes', 'an hour'],
};

// Of merged dumps: in how many it was found, and which one the rest is about.
function Spread({ finding }) {
  const gains = Object.entries(finding.gains).map(([id, number]) => `${formatNumber(number, GAINS[id][0])} ${GAINS[id][1]}`);
  return (
    <p class="note">
      In {formatCount(finding.processes)} processes{gains.length > 0 && <>, which can gain at most {gains.join(', ')}</>}. Most in pid {finding.pid}, of which the rest is: {visible(finding.dump)}
    </p>
  );
}

function Finding({ finding, process, isOpen }) {
  const { name, link, frames } = placeOfFinding(finding.where, process);
  return (
    <details class="finding" open={isOpen}>
      <summary>
        <span class={`badge ${finding.confidence}`} title={`confidence: ${finding.confidence}`}>{finding.kind.replaceAll('_', ' ')}</span>
        <span class="title">{visible(finding.title)}</span>
      </summary>
      <p class="where">
        {link ? <a href={addressWith({ view: link.lock ? 'locks' : 'sites', site: undefined, lock: undefined, ...link })}>{name}</a> : name}
      </p>
      {finding.processes !== undefined && <Spread finding={finding} />}
      <dl>
        <dt>Because</dt>
        <dd><ul>{finding.evidence.map((text) => <li key={text}>{visible(text)}</li>)}</ul></dd>
        {finding.gain !== '' && <><dt>Gain</dt><dd>{visible(finding.gain)}</dd></>}
        <dt>Remedy</dt>
        <dd>{visible(finding.remedy)}</dd>
        <dt>Confidence</dt>
        <dd>{finding.confidence}</dd>
      </dl>
      {frames && frames.length > 0 && <details class="more"><summary>Stack</summary><Stack frames={frames} /></details>}
    </details>
  );
}

function Findings({ process }) {
  const { findings } = process;
  return (
    <section aria-label="Findings" class="findings">
      <h2>Findings</h2>
      {findings.length === 0 && <p class="note">No rule found a problem in this recording.</p>}
      {findings.map((finding, i) => <Finding key={i} finding={finding} process={process} isOpen={i < 1} />)}
    </section>
  );
}

const UNSEEN = {
  heap_bypassed_by: 'objects whose malloc comes before the agent’s',
  objects: 'loaded objects whose malloc calls pass the agent by',
  truncated_stacks: 'stacks that end early',
  missing_stacks: 'events without a stack',
  unpaired_frees: 'frees of blocks whose beginning was not seen',
  unpaired_reallocations: 'reallocations of blocks whose beginning was not seen',
  overlaps: 'blocks whose end was not seen',
  reentered: 'events inside signal handlers that interrupted the agent',
  quiet_children: 'children that were not recorded',
  sandboxed: 'processes that a sandbox kept from being recorded',
};

function Losses({ loss, unseen, problems, unusable }) {
  const rows = [
    ...loss.causes.map(({ cause, count, text }) => [cause, count, visible(text)]),
    ...loss.damage.map(({ file, offset, text, skipped_bytes }) => ['damaged file', formatBytes(skipped_bytes), `${visible(file)}: offset ${offset}: ${visible(text)}`]),
    ...unusable.map(({ dump, error }) => ['unusable file', '', `${visible(dump)}: ${visible(error)}`]),
  ];
  const seen = Object.entries(UNSEEN)
    .map(([id, words]) => [id, words, unseen[id]])
    .filter(([, , number]) => (Array.isArray(number) ? number.length > 0 : number > 0));
  return (
    <section aria-label="Losses" class="losses">
      <h2>What was lost</h2>
      {rows.length === 0 && <p class="note">Nothing was lost.</p>}
      {rows.length > 0 && (
        <table aria-label="Losses by cause">
          <thead><tr><th scope="col">Cause</th><th scope="col" class="number">Lost</th><th scope="col">What it means</th></tr></thead>
          <tbody>{rows.map(([cause, count, text], i) => <tr key={i}><td>{cause}</td><td class="number">{typeof count === 'number' ? <data value={count}>{formatCount(count)}</data> : count}</td><td>{text}</td></tr>)}</tbody>
        </table>
      )}
      {seen.length > 0 && (
        <ul class="note">{seen.map(([id, words, number]) => <li key={id}>{Array.isArray(number) ? `${words}: ${number.map(visible).join(', ')}` : `${formatCount(number)} ${words}`}</li>)}</ul>
      )}
      {problems.length > 0 && <details class="more"><summary>{problems.length} problems with names</summary><ul>{problems.map((text) => <li key={text}>{visible(text)}</li>)}</ul></details>}
    </section>
  );
}

// What the figures above are worth, in a line.
function Status({ process }) {
  const { facts, contents: { loss, settings, agent } } = process;
  const lost = loss.total > 0 || loss.damaged_bytes > 0;
  const show = () => document.querySelector('.losses').scrollIntoView();
  return (
    <p class="status">
      {facts.duration_ns > 0 && <>ran {formatTime(facts.duration_ns)} · </>}
      {settings && <>{settings.mode === 'full' ? 'everything was recorded' : 'sampled'} · </>}
      {agent.cpu_ns > 0 && <>the agent took {formatShare(agent.slow_path_ns, agent.cpu_ns)} of the CPU time · </>}
      {lost ? <button type="button" class="quiet" onClick={show}>lost {formatCount(loss.total)} events{loss.damaged_bytes > 0 ? `, ${formatBytes(loss.damaged_bytes)} damaged` : ''}</button> : 'nothing was lost'}
    </p>
  );
}

function Recording({ process }) {
  const { facts, contents } = process;
  const { settings, agent } = contents;
  if (facts.dump === undefined) return null;
  const end = facts.ended === 'exited' && facts.exit_status !== null ? `exited with ${facts.exit_status}` : facts.ended;
  return (
    <section aria-label="The recording">
      <h2>The recording</h2>
      <Facts rows={[
        ['Command', visible(facts.command)],
        ['Process', `${facts.pid} on ${visible(facts.host)}`],
        ['Ran', `${formatTime(facts.duration_ns)} from ${facts.start_time}, ${end}`],
        ['Mode', `${facts.mode}${settings?.interval_is_auto ? ', automatic' : ''}: ${[settings?.heap && 'heap', settings?.locks && 'locks'].filter(Boolean).join(' and ')}`],
        ['Allocator', visible(facts.allocator) || 'not known'],
        ['Agent', `${formatTime(agent.slow_path_ns)} in its slow paths${agent.cpu_ns > 0 ? `, ${formatShare(agent.slow_path_ns, agent.cpu_ns)} of the CPU time` : ''}; wrote ${formatBytes(agent.bytes_written)}`],
        ['Dump', visible(facts.dump)],
      ]} />
    </section>
  );
}

export function Overview({ process, data, range }) {
  const { contents } = process;
  return (
    <>
      <section class="cards" aria-label="Headline figures">
        {cardsOf(process, range).map((card) => <Card key={card.id} {...card} />)}
      </section>
      <Status process={process} />
      <Findings process={process} />
      <Timeline process={process} range={range} />
      <Losses loss={contents.loss} unseen={contents.unseen} problems={data.symbol_problems} unusable={data.unusable} />
      <Recording process={process} />
    </>
  );
}

// All processes of a page with several, to choose from.
export function Processes({ processes, small }) {
  const figures = (heap, locks, findings) => (
    <>
      <td class="number">{heap ? formats.bytes(valueOf(heap.bytes)) : '–'}</td>
      <td class="number">{heap ? formats.bytes(valueOf(heap.leaked_bytes)) : '–'}</td>
      <td class="number">{locks ? formats.ns(valueOf(locks.wait_ns)) : '–'}</td>
      <td class="number">{findings}</td>
    </>
  );
  return (
    <section aria-label="Processes">
      <table class="plain" aria-label="Processes">
        <thead><tr><th scope="col">Process</th><th scope="col" class="number">Allocated</th><th scope="col" class="number">Leaked</th><th scope="col" class="number">Waited</th><th scope="col" class="number">Findings</th></tr></thead>
        <tbody>
          {processes.map((process, i) => (
            <tr key={i}>
              <td><a href={addressWith({ process: i, view: 'overview', site: undefined, lock: undefined })}>{process.title}</a></td>
              {figures(process.heap, process.locks, process.findings.length)}
            </tr>
          ))}
          {small && (
            <tr class="small-processes">
              <td>{formatCount(small.count)} smaller processes, in total{small.loss.total > 0 && <> ({formatCount(small.loss.total)} events lost)</>}</td>
              {figures(small.heap, small.locks, small.findings)}
            </tr>
          )}
        </tbody>
      </table>
    </section>
  );
}
