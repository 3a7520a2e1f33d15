/** Texts that try to run, to load, to hide, or to break a page: as a receiver, a handler or a caller could write them. */
const RUN = 'window.ran=(window.ran||0)+1';
const ESC = '\u001b';

export const HOSTILE_TEXTS: readonly string[] = [
  // Scripts, and what runs like one.
  `<script>${RUN}</script>`,
  `<script src="//127.0.0.1:9/x.js"></script>`,
  `"><script>${RUN}</script>`,
  `</script><script>${RUN}</script>`,
  `</title><script>${RUN}</script>`,
  `</textarea><script>${RUN}</script>`,
  `--><script>${RUN}</script><!--`,
  `]]><script>${RUN}</script>`,
  `<scr<script>ipt>${RUN}</scr</script>ipt>`,
  `\\u003cscript\\u003e${RUN}\\u003c/script\\u003e`,
  `&lt;script&gt;${RUN}&lt;/script&gt;`,
  `%3Cscript%3E${RUN}%3C/script%3E`,
  `<script type="module">import "data:text/javascript,${RUN}"</script>`,
  // Event handlers.
  `<img src=x onerror="${RUN}">`,
  `<img src=x onerror=${RUN}//`,
  `<body onload="${RUN}">`,
  `<input autofocus onfocus="${RUN}">`,
  `<details open ontoggle="${RUN}">`,
  `<video><source onerror="${RUN}"></video>`,
  `<marquee onstart="${RUN}">x</marquee>`,
  `<div style="animation:x 1s" onanimationstart="${RUN}">x</div>`,
  `" onmouseover="${RUN}" x="`,
  `' onclick='${RUN}`,
  // SVG and MathML.
  `<svg onload="${RUN}">`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><animate onbegin="${RUN}" attributeName="x"></animate></svg>`,
  `<svg><use href="data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg' onload='${RUN}'/>#x"></use></svg>`,
  `<math><mtext><table><mglyph><style><img src=x onerror="${RUN}">`,
  // Links and frames.
  `javascript:${RUN}`,
  `<a href="javascript:${RUN}">click</a>`,
  ` java\tscript:${RUN}`,
  `data:text/html,<script>${RUN}</script>`,
  `<iframe srcdoc="<script>parent.ran=1</script>"></iframe>`,
  `<iframe src="javascript:parent.ran=1"></iframe>`,
  `<object data="data:text/html,<script>parent.ran=1</script>"></object>`,
  `<meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/">`,
  `<base href="http://127.0.0.1:9/">`,
  `<form action="http://127.0.0.1:9/"><button>Log in again</button></form>`,
  `<img src='http://127.0.0.1:9/?`,
  `<style>@import "http://127.0.0.1:9/x.css"; body { display: none }</style>`,
  `<link rel="stylesheet" href="http://127.0.0.1:9/x.css">`,
  `<form id="console"><input name="textContent"></form>`,
  // Templates and prototypes.
  '{{constructor.constructor("window.ran=1")()}} ${window.ran=1} <%= 7*7 %> #{7*7}',
  '{"__proto__":{"ran":1},"constructor":{"prototype":{"ran":1}},"$$typeof":"Symbol(react.element)","type":"script"}',
  // What isn't seen, or turns around what is.
  'invoice\u202efdp.exe\u202c and \u2066isolated\u2069 \u200f\u200e\u061c',
  `zero\u200bwidth\u2060joined\ufeffmarked\u00ad`,
  `${ESC}[2J${ESC}[31mred${ESC}[0m ${ESC}]8;;http://127.0.0.1:9/${ESC}\\link${ESC}]8;;${ESC}\\ bell\u0007 back\b\b\b`,
  `Z${'\u0351\u0363\u0300\u0489'.repeat(40)} and \u{1f4a9}\u{1f469}\u200d\u{1f4bb}`,
  // Large.
  `[${'{"a":['.repeat(2_000)}`,
  `one line of a megabyte ${'<b>x</b>'.repeat(131_072)}`,
];
