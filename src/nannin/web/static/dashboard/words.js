/* What the dashboard says, in the reader's language, and how it writes numbers and times. */

const WORDS = {
  en: {
    skip: "To the chart",
    connecting: "Connecting…",
    live: "Live",
    reconnecting: "Reconnecting…",
    signOut: "Sign out",
    signIn: "Sign in",
    token: "Token",
    loginWhy: "The dashboard of this server is for whoever has its read_token.",
    wrongToken: "This is not the read_token of this server.",
    manyTokens: "Too many wrong tokens came from your address. Try again in a minute.",
    closed: "The dashboard opens on the server's own machine. To open it from elsewhere, start the server with a read_token.",
    now: "Now",
    people: "People",
    connections: "Connections",
    connectionsShort: "Conn.",
    pages: "Pages",
    page: "Page",
    inView: "In view",
    trend: "Trend",
    summed: "People are added up page by page: who is on two pages counts twice. The group /* counts everybody once.",
    grouped: (key) => `People are those of the group ${key}: everybody counts once.`,
    stale: "Some numbers may be out of date: other processes of this server can't be reached.",
    search: "Find a page",
    found: (shown, all) => (shown === all ? "" : `${shown} of ${all}`),
    foundSpoken: { one: "{n} page found", other: "{n} pages found" },
    nobody: "Nobody is on any page. Open one that has the tag, and it appears here.",
    noMatch: "No page has that in its address.",
    more: (count) => `Show ${count} more`,
    sortedBy: (column, down) => `Sorted by ${column}, ${down ? "descending" : "ascending"}`,
    range: "Span of time",
    live10: "Live",
    hour: "Hour",
    day: "Day",
    week: "Week",
    month: "Month",
    year: "Year",
    zoom: "Zoom",
    earlier: "Earlier",
    later: "Later",
    closer: "Zoom in",
    wider: "Zoom out",
    whole: "Reset",
    asTable: "Table",
    leastToMost: "least to most",
    least: "Least",
    mean: "Mean",
    most: "Most",
    joins: "Joins",
    time: "Time",
    chart: "Chart",
    chartOf: (page, range) => `People and connections on ${page}: ${range}`,
    chartHelp: "Arrow keys move through the values, + and − zoom, Home and End go to the ends, Escape resets. Or drag over a part of it.",
    times: (zone) => `Times are those of ${zone}.`,
    noHistory: "This server keeps no history: the chart begins when this page was opened.",
    noCharts: "This copy of nannin was installed without uPlot, which draws the charts: there is a spark line and a table instead.",
    loading: "Loading…",
    failed: (why) => `The history could not be read: ${why}`,
    shown: (from, to) => `Shows ${from} to ${to}`,
    nothing: "Nothing was recorded in this span.",
    gap: "not recorded",
    partly: (share) => `${share} recorded`,
    comma: ", ",
    persons: { one: "{n} person", other: "{n} people" },
    tabs: { one: "{n} connection", other: "{n} connections" },
    joined: { one: "{n} join", other: "{n} joins" },
    between: (least, most) => `${least} to ${most}`,
    meanOf: (mean) => ` (mean ${mean})`,
    tableOf: (page, range) => `${page}: ${range}, newest first`,
    peak: { visitors: "Most people", connections: "Most connections" },
    peakNone: "No peak was recorded yet.",
    moving: "Top pages",
    rising: "rising",
    falling: "falling",
    steady: "steady",
    new: "new",
    trendSince: (trend, before) => `${trend} (was ${before})`,
    peaks: "Peaks",
    health: "Server",
    ready: "Serves",
    unready: (why) => `Lets nobody new in: ${why}`,
    unreachable: "The server can't be reached.",
    processes: (here, all) => (here === all ? "Processes of this machine" : `Processes of this machine: ${here} of ${all}`),
    node: "Process",
    delay: "Delay",
    memory: "Memory",
    runs: "Runs for",
    condition: "Condition",
    conditions: { well: "well", stopping: "stopping", old: "may be out of date", silent: "no answer", behind: "history is late" },
    milliseconds: (number) => `${number} ms`,
    megabytes: (number) => `${number} MB`,
    nodeLive: "Here",
    nodeGrace: "Leaving",
    nodeAgrees: "Recount",
    agrees: "agrees",
    differs: "differs",
    silent: { one: "{n} process did not answer", other: "{n} processes did not answer" },
    how: (page) => `How the number of ${page} comes about`,
    transports: (websocket, polling) => `${websocket} over WebSocket, ${polling} over polling`,
    inGrace: { one: "{n} has just left and still counts", other: "{n} have just left and still count" },
    observers: { one: "{n} watches and is not counted", other: "{n} watch and are not counted" },
    crawlers: { one: "{n} session of a crawler since the start", other: "{n} sessions of crawlers since the start" },
    errors: { one: "{n} error of the application", other: "{n} errors of the application" },
    refused: "Turned away",
    refusedNone: "Nobody was turned away since the start.",
    embed: "On your own pages",
    element: '<span data-nannin data-nannin-one="{n} person is reading this."\n      data-nannin-other="{n} people are reading this."></span>',
    copy: "Copy",
    copied: "Copied",
    elsewhere: "If your page is on another host, start this server with --allow-origins and the address of your site.",
    here: "This address works on this machine only. For a site, run nannin on a server, with --allow-origins and the address of the site.",
    reasons: {
      host: "called this server by a wrong name",
      origin: "a page of a site that is not allowed",
      page: "a page that does not exist",
      token: "a page's token was missing or wrong",
      expired: "a page's token had expired",
      payload: "a malformed CONNECT",
      limit: "too many pages in one session",
      application: "the application refused",
      busy: "events that came too quickly",
      joins: "joined pages too quickly",
      pages: "too many pages",
      messages: "sent too many messages",
      address: "too many connections of one address",
      address_rate: "connected too quickly from one address",
      connections: "the server was full",
      http: "malformed or slow HTTP",
      size: "a message that was too large",
      tls: "a TLS handshake that came to nothing",
      protocol: "ended, as the client broke a protocol",
      idle: "ended, as the client joined no page",
      request: "a request that the protocol does not allow",
      session: "a session that is gone: normal after a restart",
      slow: "ended, as the client did not read",
      descriptors: "no file descriptor was left",
      list: "asked for a list without a token",
      metrics: "asked for the metrics without a token",
      emit: "wanted to send without a token",
      outside: "a malformed order over Redis",
      guess: "too many wrong tokens",
      unknown: "a call of a node that the others do not know",
    },
  },
  ja: {
    skip: "グラフへ移動",
    connecting: "接続しています…",
    live: "ライブ",
    reconnecting: "再接続しています…",
    signOut: "ログアウト",
    signIn: "ログイン",
    token: "トークン",
    loginWhy: "このサーバーのダッシュボードを見るには、read_token が必要です。",
    wrongToken: "このサーバーの read_token ではありません。",
    manyTokens: "間違ったトークンが続けて送られました。1分ほど待ってから、もう一度お試しください。",
    closed: "ダッシュボードは、サーバーと同じコンピューターでのみ開けます。ほかの場所から開くには、read_token を設定してサーバーを起動してください。",
    now: "現在",
    people: "人数",
    connections: "接続数",
    connectionsShort: "接続",
    pages: "ページ",
    page: "ページ",
    inView: "表示中",
    trend: "傾向",
    summed: "人数はページごとの合計です。2つのページを見ている人は2人と数えます。グループ /* を作ると、1人を1回だけ数えます。",
    grouped: (key) => `人数はグループ ${key} のものです。1人を1回だけ数えています。`,
    stale: "ほかのプロセスに接続できないため、最新ではない数字が含まれている場合があります。",
    search: "ページを検索",
    found: (shown, all) => (shown === all ? "" : `${all}件中${shown}件`),
    foundSpoken: { other: "{n}件のページが見つかりました" },
    nobody: "いまは、どのページにも人がいません。タグを置いたページを開くと、ここに表示されます。",
    noMatch: "一致するページはありません。",
    more: (count) => `さらに${count}件を表示`,
    sortedBy: (column, down) => `${column}の${down ? "降順" : "昇順"}で並べ替えました`,
    range: "期間",
    live10: "ライブ",
    hour: "1時間",
    day: "1日",
    week: "1週間",
    month: "1か月",
    year: "1年",
    zoom: "拡大と移動",
    earlier: "前へ",
    later: "次へ",
    closer: "拡大",
    wider: "縮小",
    whole: "元に戻す",
    asTable: "表",
    leastToMost: "最小〜最大",
    least: "最小",
    mean: "平均",
    most: "最大",
    joins: "参加",
    time: "時刻",
    chart: "グラフ",
    chartOf: (page, range) => `${page} の人数と接続数（${range}）`,
    chartHelp: "矢印キーで値を移動、＋と−で拡大・縮小、HomeとEndで両端へ、Escで元に戻ります。ドラッグして拡大することもできます。",
    times: (zone) => `時刻は ${zone} のものです。`,
    noHistory: "このサーバーは履歴を保存していません。グラフは、このページを開いた時点から始まります。",
    noCharts: "この nannin には、グラフを描く uPlot が含まれていません。代わりに簡易グラフと表を表示します。",
    loading: "読み込んでいます…",
    failed: (why) => `履歴を読み込めませんでした（${why}）`,
    shown: (from, to) => `${from}から${to}までを表示しています`,
    nothing: "この期間の記録はありません。",
    gap: "記録なし",
    partly: (share) => `記録は${share}`,
    comma: "、",
    persons: { other: "{n}人" },
    tabs: { other: "{n}接続" },
    joined: { other: "参加 {n}" },
    between: (least, most) => `${least}〜${most}`,
    meanOf: (mean) => `（平均 ${mean}）`,
    tableOf: (page, range) => `${page}（${range}、新しい順）`,
    peak: { visitors: "最大人数", connections: "最大接続数" },
    peakNone: "最大値の記録はまだありません。",
    moving: "上位のページ",
    rising: "増加",
    falling: "減少",
    steady: "横ばい",
    new: "新着",
    trendSince: (trend, before) => `${trend}（少し前は ${before}）`,
    peaks: "最大記録",
    health: "サーバー",
    ready: "稼働中",
    unready: (why) => `新規の受け付けを停止中（${why}）`,
    unreachable: "サーバーに接続できません。",
    processes: (here, all) => (here === all ? "このコンピューターのプロセス" : `このコンピューターのプロセス（全${all}個のうち${here}個）`),
    node: "プロセス",
    delay: "遅れ",
    memory: "メモリ",
    runs: "稼働時間",
    condition: "状態",
    conditions: { well: "正常", stopping: "停止中", old: "古い可能性あり", silent: "応答なし", behind: "履歴の書き込みに遅れ" },
    milliseconds: (number) => `${number} ミリ秒`,
    megabytes: (number) => `${number} MB`,
    nodeLive: "接続中",
    nodeGrace: "離脱待ち",
    nodeAgrees: "再集計",
    agrees: "一致",
    differs: "不一致",
    silent: { other: "{n}個のプロセスから応答がありません" },
    how: (page) => `${page} の数字の内訳`,
    transports: (websocket, polling) => `WebSocket ${websocket}、ポーリング ${polling}`,
    inGrace: { other: "離れたばかりで、まだ数えている接続 {n}" },
    observers: { other: "見ているだけで、数えていない接続 {n}" },
    crawlers: { other: "起動後のクローラーのセッション {n}" },
    errors: { other: "アプリケーションのエラー {n}" },
    refused: "拒否した接続",
    refusedNone: "起動後に拒否した接続はありません。",
    embed: "あなたのページにも",
    element: '<span data-nannin data-nannin-other="{n}人が読んでいます"></span>',
    copy: "コピー",
    copied: "コピーしました",
    elsewhere: "別のホストのページに置く場合は、サイトのアドレスを --allow-origins で指定して、このサーバーを起動してください。",
    here: "このアドレスは、このコンピューターの中だけで使えます。公開するサイトに置く場合は、サイトのアドレスを --allow-origins で指定して、nannin をサーバーで起動してください。",
    reasons: {
      host: "サーバーの名前が違う",
      origin: "許可していないサイトのページ",
      page: "存在しないページ",
      token: "ページのトークンがない、または間違い",
      expired: "ページのトークンが期限切れ",
      payload: "CONNECT の形式が不正",
      limit: "1セッションのページ数が上限を超過",
      application: "アプリケーションが拒否",
      busy: "イベントが速すぎる",
      joins: "ページへの参加が速すぎる",
      pages: "ページが多すぎる",
      messages: "メッセージが多すぎる",
      address: "1つのアドレスからの接続が多すぎる",
      address_rate: "1つのアドレスからの接続が速すぎる",
      connections: "サーバーが満員",
      http: "HTTP の形式が不正、または遅すぎる",
      size: "メッセージが大きすぎる",
      tls: "TLS の接続が成立しなかった",
      protocol: "プロトコル違反のため切断",
      idle: "どのページにも参加しなかったため切断",
      request: "プロトコルで許されない要求",
      session: "すでにないセッションへの要求 (再起動後は正常)",
      slow: "受信が遅すぎるため切断",
      descriptors: "ファイルディスクリプターの不足",
      list: "トークンなしでの一覧の要求",
      metrics: "トークンなしでのメトリクスの要求",
      emit: "トークンなしでの送信",
      outside: "Redis 経由の指示の形式が不正",
      guess: "間違ったトークンの連続",
      unknown: "ほかのノードが知らないノードからの呼び出し",
    },
  },
};

// The first language of the browser's list that the dashboard speaks; English for everybody else.
const known = navigator.languages.find((tag) => /^(ja|en)\b/i.test(tag)) ?? "en";
export const language = known.slice(0, 2).toLowerCase();
export const words = WORDS[language];
// Dates and figures as the reader's country writes them, where that is a country of this language.
const figures = new Intl.NumberFormat(known);
const exact = new Intl.NumberFormat(known, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const tenth = new Intl.NumberFormat(known, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(known, { style: "percent", maximumFractionDigits: 1 });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const plurals = new Intl.PluralRules(language);

export const digits = (number) => figures.format(number);
export const meanDigits = (number) => exact.format(number);
export const tenths = (number) => tenth.format(number);
export const percentDigits = (share) => percent.format(share);

/** A count in words: `forms` has {n} where the number goes. */
export function inWords(forms, count) {
  return (forms[plurals.select(count)] ?? forms.other).replace("{n}", digits(count));
}

/** A length of time in its largest unit, as the reader's language writes it. */
export function duration(seconds) {
  const [unit, length_s] = UNITS.find(([, least]) => seconds >= least) ?? UNITS.at(-1);
  return new Intl.NumberFormat(known, { style: "unit", unit, unitDisplay: "long" }).format(Math.floor(seconds / length_s));
}

/** Formatters of times in the server's zone; undefined is the browser's own. */
export class Times {
  constructor(zone) {
    this.zone = zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
    const make = (options) => new Intl.DateTimeFormat(known, { timeZone: this.zone, ...options });
    this.formats = {
      second: make({ hour: "numeric", minute: "2-digit", second: "2-digit" }),
      minute: make({ weekday: "short", hour: "numeric", minute: "2-digit" }),
      hour: make({ weekday: "short", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" }),
      day: make({ weekday: "short", year: "numeric", month: "short", day: "numeric" }),
      moment: make({ year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" }),
      clock: make({ hour: "numeric", minute: "2-digit" }),
      date: make({ month: "short", day: "numeric" }),
      month: make({ year: "numeric", month: "short" }),
    };
  }

  write(unix_s, form) {
    return this.formats[form].format(unix_s * 1000);
  }
}

export const by = (id) => document.getElementById(id);

/** Puts the words of the reader's language into every element that names some. */
export function speak() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-words]")) element.textContent = words[element.dataset.words];
  for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = words[element.dataset.hint];
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", words[element.dataset.label]);
    if (element.matches("button")) element.title = words[element.dataset.label];
  }
}

/** A page's key as a person would write it, where that hides nothing and stays on one line. */
export function legible(key) {
  try {
    const text = decodeURI(key);
    return /[\p{C}\p{Z}]/u.test(text) ? key : text;
  } catch {
    return key;
  }
}

/** Makes an element with attributes and children, of which null and "" are left out. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) element.setAttribute(key, value);
  element.append(...children.filter((child) => child != null && child !== ""));
  return element;
}

let timer = 0;

/** Has a screen reader say `text`, politely; of many in a row only the last. */
export function announce(text) {
  clearTimeout(timer);
  timer = setTimeout(() => (by("spoken").textContent = text), 120);
}
