#include "server/pages/layout.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/text_view.h"
#include "server/access/digest.h"
#include "server/pages/html.h"

namespace descent::pages {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--text:#1b1f24;--soft:#57606a;--edge:#d5dae0;
--line:#0a5cc2;--good:#116329;--good-back:#dafbe1;--busy:#7a4e00;--busy-back:#fff1c9;--bad:#a40e26;--bad-back:#ffe3e6}
@media(prefers-color-scheme:dark){:root{--back:#0d1117;--card:#161b22;--text:#e6edf3;--soft:#9aa4af;--edge:#30363d;
--line:#6cb0ff;--good:#6fdd8b;--good-back:#12301c;--busy:#f0c674;--busy-back:#33290f;--bad:#ff9492;--bad-back:#401b1d}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:1280px;margin:0 auto;padding:16px}
h1{font-size:22px;margin:0 0 4px}h2{font-size:16px;margin:24px 0 8px}
a{color:var(--line)}p{margin:6px 0}small,.soft{color:var(--soft);font-size:13px}
.card{background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:12px 16px;margin:12px 0}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,190px),1fr));gap:10px 20px;margin:0}
.facts div{min-width:0}dt{color:var(--soft);font-size:13px}dd{margin:0;font-variant-numeric:tabular-nums}
.wide{grid-column:1/-1}.card>details:first-child{margin:-10px 0}
.state{display:inline-block;border-radius:10px;padding:0 9px;font-size:13px;font-weight:600;white-space:nowrap}
.good{color:var(--good);background:var(--good-back)}.busy{color:var(--busy);background:var(--busy-back)}
.bad{color:var(--bad);background:var(--bad-back)}
form{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:8px 0}
input,select,button,nav a,.back{font:inherit;min-height:44px;padding:8px 14px;border:1px solid var(--edge);border-radius:8px;
background:var(--card);color:var(--text)}
input{flex:1 1 180px;min-width:0;max-width:360px}button{cursor:pointer}
:focus-visible{outline:2px solid var(--line);outline-offset:1px}
nav{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:12px 0}nav a,.back{text-decoration:none;display:inline-flex;align-items:center}
table{width:100%;border-collapse:separate;border-spacing:0;background:var(--card);border:1px solid var(--edge);border-radius:8px;font-variant-numeric:tabular-nums}
th{font-size:13px;font-weight:600;color:var(--soft)}
th,td{padding:7px 10px;text-align:right;border-bottom:1px solid var(--edge);white-space:nowrap}
tr:last-child td{border-bottom:0}
th:first-child,td:first-child,.left{text-align:left}td:first-child{white-space:normal;min-width:120px}
.name{display:inline-block;padding:4px 0;font-weight:600}
.spark{display:block;width:120px;height:32px;margin-left:auto;overflow:visible}
.line{fill:none;stroke:var(--line);stroke-width:1.5;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.grid{fill:none;stroke:var(--edge);stroke-width:1;vector-effect:non-scaling-stroke}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,360px),1fr));gap:12px}
.chart{margin:0;background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:12px 16px;min-width:0;
display:grid;grid-template-columns:auto minmax(0,1fr);grid-template-rows:auto 180px auto auto;column-gap:8px}
.chart figcaption{grid-column:1/-1;font-weight:600;margin-bottom:12px}.chart figcaption b{float:right;font-variant-numeric:tabular-nums}
.chart svg{width:100%;height:100%;overflow:visible}
.y,.x{display:flex;justify-content:space-between;color:var(--soft);font-size:12px;line-height:1;font-variant-numeric:tabular-nums}
.y{flex-direction:column;text-align:right;margin:-6px 0}.x{grid-column:2;margin-top:8px}
.xt{grid-column:2;text-align:center;color:var(--soft);font-size:12px}
summary{cursor:pointer;min-height:44px;padding:11px 0}
pre{white-space:pre-wrap;margin:4px 0;font:13px/1.5 ui-monospace,monospace}
#stale{display:none;position:sticky;top:0;padding:8px 16px;text-align:center;color:var(--bad);background:var(--bad-back);z-index:1}
.stale #stale{display:block}
@media(max-width:760px){
main{padding:12px}.facts{grid-template-columns:1fr 1fr}.cards thead{display:none}.cards,.cards tbody,.cards tr,.cards td{display:block}
.cards{border:0;background:none}
.cards tr{display:grid;grid-template-columns:1fr 1fr;gap:2px 16px;background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:10px 14px;margin:10px 0}
.cards td{border:0;padding:2px 0;text-align:left;white-space:normal;min-width:0}
.cards td:first-child{grid-column:1}.cards td.state-of{text-align:right;align-self:center}
.cards td[data-label]::before{content:attr(data-label);display:block;color:var(--soft);font-size:12px}
.cards td.curve{grid-column:1/-1}.cards td.none{display:none}.spark{width:100%;height:40px;margin:4px 0}
.name{padding:10px 0;min-height:44px}
}
)";

constexpr std::string_view kScript = R"(
(()=>{
let busy=false;
const selected=()=>{const s=getSelection();return s&&!s.isCollapsed};
async function renew(){
if(document.hidden||busy||selected())return;
busy=true;
try{
const answer=await fetch(location.href,{cache:"no-store"});
if(!answer.ok)throw answer.status;
const page=new DOMParser().parseFromString(await answer.text(),"text/html");
for(const old of document.querySelectorAll(".live")){
const now=page.getElementById(old.id);
if(!now||now.innerHTML===old.innerHTML)continue;
const focus=old.contains(document.activeElement)?document.activeElement.getAttribute("href"):null;
old.innerHTML=now.innerHTML;
if(focus!==null)for(const a of old.querySelectorAll("a"))if(a.getAttribute("href")===focus){a.focus({preventScroll:true});break}
}
document.title=page.title;
document.body.classList.remove("stale");
}catch{document.body.classList.add("stale")}
busy=false;
}
setInterval(renew,5000);
document.addEventListener("visibilitychange",renew);
})();
)";

std::string HashSource(std::string_view text) {
  const access::Digest digest = access::Sha256(text);
  return absl::StrCat(
      "'sha256-", absl::Base64Escape({reinterpret_cast<const char*>(digest.data()), digest.size()}),
      "'");
}

// Nothing from elsewhere, and of this server only the page itself again.
const std::string& Policy() {
  static const auto* const policy = new std::string(absl::StrCat(
      "default-src 'none'; style-src ", HashSource(kStyle), "; script-src ", HashSource(kScript),
      "; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
      "frame-ancestors 'none'"));
  return *policy;
}

}  // namespace

http::Answer Page(std::string_view title, std::string_view content) {
  return {.type = "text/html; charset=utf-8",
          .body = absl::StrCat(
              "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
              "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>",
              Escape(title), "</title><link rel=\"icon\" href=\"data:,\"><style>", View(kStyle),
              "</style><noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript></head>"
              "<body><div id=\"stale\" role=\"status\">The server does not answer; this is how it "
              "was.</div><main>",
              View(content), "</main><script>", View(kScript), "</script></body></html>\n"),
          .headers = {{"Content-Security-Policy", Policy()}}};
}

std::string Fact(std::string_view name, std::string_view value) {
  return absl::StrCat("<div><dt>", Escape(name), "</dt><dd>", View(value), "</dd></div>");
}

}  // namespace descent::pages
