// The style of the report page: one column of text, wide pairs of figures, dark mode, print.
#pragma once

#include <string_view>

namespace gradflow {

inline constexpr std::string_view kStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #fdfcfa; --ink: #22252a; --soft: #666b73; --rule: #dddad3; --tint: #f3f1ec;
  --link: #1d5a94; --good: #21703c; --bad: #a8321f; --warn: #fbf0d6; --shade: #0002;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --ink: #dcdedf; --soft: #989da5; --rule: #34383d; --tint: #1f2226;
    --link: #8dbdec; --good: #7fcb97; --bad: #f0907f; --warn: #2e2817; --shade: #000a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word;
       -webkit-text-size-adjust: 100%; text-size-adjust: 100%;
       font: 1.0625rem/1.6 Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, serif; }
header, section { display: grid;
  grid-template-columns: minmax(1.1rem, 1fr) minmax(0, 44rem) minmax(1.1rem, 1fr); }
header > *, section > * { grid-column: 2; min-width: 0; }
section > .wide { grid-column: 1 / -1; justify-self: center; width: 100%; max-width: 74rem;
                  padding: 0 1.1rem; }
.pair { display: grid; gap: 0 2rem;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .15em; }
h1, h2, h3 { line-height: 1.2; font-weight: 600; text-wrap: balance; }
h1 { font-size: clamp(2rem, 6vw, 2.9rem); letter-spacing: -.015em; margin: 0 0 .4em; }
h2 { font-size: 1.65rem; margin: 3.5rem 0 .6rem; padding-top: 1.4rem;
     border-top: 1px solid var(--rule); }
h3 { font-size: 1.12rem; margin: 1.3rem 0 0; }
p { margin: 0 0 1em; }
code, pre { font: .86em/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
pre { background: var(--tint); border-radius: 6px; padding: .8rem 1rem; overflow-x: auto; }
header { padding-top: clamp(2rem, 7vw, 4.5rem); }
.kicker { letter-spacing: .08em; font-variant-caps: all-small-caps; }
.subtitle { font-size: 1.2rem; line-height: 1.4; margin-bottom: 1.8rem; }
.note { font-size: .92rem; line-height: 1.5; }
.kicker, .subtitle, .note, .ref, .kind, .verdict { color: var(--soft); }
.missing { background: var(--warn); border-left: 3px solid #d9a62e; border-radius: 0 6px 6px 0;
           padding: .7rem 1rem; font-size: .95rem; }
nav ul { list-style: none; margin: .4rem 0 0; padding: 0; display: flex; flex-wrap: wrap;
         gap: .2rem 1.4rem; font-size: .95rem; }
figure { margin: 1.4rem 0; min-width: 0; }
figure img { display: block; max-width: 100%; margin: 0 auto; background: #fff; padding: .6rem;
             border: 1px solid var(--rule); border-radius: 6px; }
figcaption { margin: .7rem 0 .5rem; font-size: .95rem; line-height: 1.45; color: var(--soft); }
figcaption b { color: var(--ink); }
figure p { margin: 0; }
sub, sup { line-height: 0; }
/* A shadow at an edge says that there is more of the table beyond it. */
.scroll { overflow-x: auto; background:
    linear-gradient(to right, var(--paper) 40%, transparent) left / 3rem 100% no-repeat local,
    linear-gradient(to left, var(--paper) 40%, transparent) right / 3rem 100% no-repeat local,
    linear-gradient(to right, var(--shade), transparent) left / .7rem 100% no-repeat scroll,
    linear-gradient(to left, var(--shade), transparent) right / .7rem 100% no-repeat scroll; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; line-height: 1.35;
        font-variant-numeric: tabular-nums lining-nums; }
th, td { padding: .38rem .7rem; text-align: right; white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; }
thead th { border-bottom: 1.5px solid var(--ink); }
tbody th { font-weight: 400; }
tbody tr { border-bottom: 1px solid var(--rule); }
.kind { font-size: .88em; margin-left: .3em; }
.swatch { display: inline-block; width: .75em; height: .75em; border-radius: 50%;
          margin-right: .5em; border: 1px solid var(--rule); }
.verdict { font-size: .88rem; margin: .15rem 0 .3rem; }
.holds { color: var(--good); } .fails { color: var(--bad); }

@page { margin: 17mm 16mm; }
@media print {
  :root { --paper: #fff; --tint: #f4f4f4; }
  html { font-size: 9.6pt; }
  header, section { display: block; padding-top: 0; }
  section > .wide { padding: 0; }
  a { color: inherit; text-decoration: none; }
  nav { display: none; }
  h2, h2 + p, h3, .verdict { break-after: avoid; }
  figure, table, article, pre, .pair { break-inside: avoid; }
  figure img { max-height: 74mm; padding: 0; border: 0; }
  .pair figure { margin: .6rem 0; }
  .pair img { max-height: 68mm; }
  .pair { grid-template-columns: 1fr 1fr; gap: 0 1.2rem; }
  .scroll { overflow: visible; background: none; }
  th, td { padding: .25rem .45rem; }
}
)css";

}  // namespace gradflow
