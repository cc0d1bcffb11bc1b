/* The history of one page, as the server has it, in steps that fit the span. */

const HOUR_S = 3_600;
const DAY_S = 86_400;

// How far back each choice reaches. "live" is told by the stream.
export const RANGES = { live10: 600, hour: HOUR_S, day: DAY_S, week: 7 * DAY_S, month: 31 * DAY_S, year: 366 * DAY_S };

// The finest step for spans up to so many seconds, no more than 1,500 points; and how long a step is.
const STEPS = [
  ["minute", 25 * HOUR_S, 60],
  ["hour", 62 * DAY_S, HOUR_S],
  ["day", 1_400 * DAY_S, DAY_S],
  ["month", Infinity, 31 * DAY_S],
];

/** An answer that is not what was asked for. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** What the API answers, from JSON. */
export async function read(api, path, query = {}, signal = undefined) {
  const url = new URL(path, api);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const answer = await fetch(url, { signal });
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, content.error ?? `${answer.status}`);
  return content;
}

/** Whether the server keeps any history. */
export async function keepsHistory(api) {
  return read(api, "history/pages", { limit: 1 }).then(() => true, ({ status }) => status !== 404);
}

/** A page's points between two times. Where the fine steps of long ago are gone, coarser ones are asked for,
 * unless one of them would be longer than the whole. */
export async function series(api, page, from_s, to_s, signal) {
  const first = STEPS.findIndex(([, most]) => to_s - from_s <= most);
  let answer;
  for (const [step] of STEPS.slice(first, first + 3).filter(([, , long_s], more) => !more || long_s <= to_s - from_s)) {
    const from = Math.floor(from_s / 60) * 60;
    answer = await read(api, "history", { page, from, to: Math.ceil(to_s / 60) * 60, step }, signal);
    if (answer.points.some(({ visitors }) => visitors)) break;
  }
  answer.points = answer.points.map(({ start_s, until_s, ...point }) => ({ ...point, start: start_s, end: until_s }));
  return answer;
}
