// index.html: cards whose order and visibility are CSS rules over radio buttons, so that no script is needed.
#include "tools/levit/explain/page.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "tools/common/text.h"

namespace levit::tools {
namespace {

constexpr const char* kStyle = R"(
:root { --paper: #fff; --ink: #181c24; --quiet: #606876; --line: #dee2e8; --accent: #4a3aa7; --unsure: #b06800; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14161b; --ink: #e9ebf0; --quiet: #9aa3b2; --line: #2c313b; --accent: #a99bff; --unsure: #e2a14a; }
}
body { margin: 2rem; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.4rem; }
p { margin: .2rem 0 1.2rem; color: var(--quiet); }
input { position: absolute; opacity: 0; }
label { display: inline-block; padding: .15rem .7rem; border: 1px solid var(--line); border-radius: 1rem; cursor: pointer; }
input:checked + label { border-color: var(--accent); color: var(--accent); font-weight: 600; }
input:focus-visible + label { outline: 2px solid var(--accent); outline-offset: 2px; }
.group { margin: 0 .4rem 0 1.2rem; color: var(--quiet); }
.group:first-of-type { margin-left: 0; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.4rem; margin-top: 1.6rem; }
.card { color: inherit; text-decoration: none; border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
.card:hover, .card:focus { border-color: var(--accent); }
.card img { display: block; width: 100%; height: 13rem; object-fit: contain; background: var(--line); }
.card div { padding: .5rem .8rem .7rem; overflow-wrap: anywhere; }
.card b { color: var(--accent); }
.card .unsure { color: var(--unsure); }
.card small { display: block; color: var(--quiet); }
)";

// The place of each entry in the order that `before` defines; equal entries keep theirs.
std::vector<size_t> ranks(size_t count, const std::function<bool(size_t, size_t)>& before) {
  std::vector<size_t> order(count), rank(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), before);
  for (size_t i = 0; i < count; ++i) rank[order[i]] = i;
  return rank;
}

std::string percent(double probability) {
  return fixed(100 * probability, 1) + " %";
}

std::string choice(const std::string& group, const std::string& id, const std::string& text, bool checked) {
  return "<input type=\"radio\" name=\"" + group + "\" id=\"" + id + "\"" + (checked ? " checked" : "") +
         "><label for=\"" + id + "\">" + html_text(text) + "</label>\n";
}

struct Order {
  const char *id, *variable, *text;
};
constexpr Order kOrders[] = {{"by-name", "--n", "name"},
                             {"by-label", "--l", "label"},
                             {"by-first", "--p", ""},
                             {"by-doubt", "--d", "doubt"}};

std::string card(const PageEntry& entry, const std::vector<std::string>& labels,
                 const std::vector<size_t>& places) {
  std::string variables;
  for (size_t i = 0; i < places.size(); ++i) {
    variables += std::string(kOrders[i].variable) + ":" + std::to_string(places[i]) + ";";
  }
  return "<a class=\"card class" + std::to_string(entry.label) + (entry.unsure ? " doubtful" : "") +
         "\" href=\"" + percent_encoded(entry.sheet) + "\" style=\"" + variables +
         "\"><img loading=\"lazy\" src=\"" + percent_encoded(entry.thumbnail) + "\" alt=\"\"><div><b" +
         (entry.unsure ? " class=\"unsure\">unsure: " : ">") + html_text(labels[entry.label]) + " " +
         percent(entry.probability) + "</b><small>" + html_text(entry.name) + "</small></div></a>\n";
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : visible(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string explanation_page(const std::string& title, const std::vector<std::string>& labels,
                             const std::vector<PageEntry>& entries) {
  std::map<size_t, size_t> found;  // pictures by class
  size_t doubtful = 0;
  for (const PageEntry& entry : entries) {
    ++found[entry.label];
    doubtful += entry.unsure ? 1 : 0;
  }
  std::string rules, controls = "<span class=\"group\">Sort by</span>\n";
  for (const Order& order : kOrders) {
    const std::string text = *order.text == '\0' ? "probability of " + labels[0] : order.text;
    controls += choice("sort", order.id, text, &order == kOrders);
    rules += std::string("#") + order.id + ":checked ~ main .card { order: var(" + order.variable + "); }\n";
  }
  controls += "<span class=\"group\">Show</span>\n";
  controls += choice("show", "show-all", "all", true);
  std::string counts;
  for (const auto& [label, count] : found) {
    const std::string number = std::to_string(label);
    controls += choice("show", "show" + number, labels[label], false);
    rules += "#show" + number + ":checked ~ main .card:not(.class" + number + ") { display: none; }\n";
    counts += ", " + std::to_string(count) + " " + html_text(labels[label]);
  }
  if (doubtful > 0) {
    controls += choice("show", "show-doubtful", "unsure", false);
    rules += "#show-doubtful:checked ~ main .card:not(.doubtful) { display: none; }\n";
    counts += ", " + std::to_string(doubtful) + " of them unsure";
  }

  const std::vector<std::vector<size_t>> places = {
      ranks(entries.size(), [&](size_t a, size_t b) { return entries[a].name < entries[b].name; }),
      ranks(entries.size(),
            [&](size_t a, size_t b) {
              return entries[a].label != entries[b].label ? entries[a].label < entries[b].label
                                                          : entries[a].probability > entries[b].probability;
            }),
      ranks(entries.size(),
            [&](size_t a, size_t b) { return entries[a].first_probability > entries[b].first_probability; }),
      ranks(entries.size(),
            [&](size_t a, size_t b) { return entries[a].probability < entries[b].probability; })};
  std::string cards;
  for (size_t i = 0; i < entries.size(); ++i) {
    cards += card(entries[i], labels, {places[0][i], places[1][i], places[2][i], places[3][i]});
  }
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         html_text(title) + "</title>\n<style>" + kStyle + rules + "</style>\n</head>\n<body>\n<h1>" +
         html_text(title) + "</h1>\n<p>" + counted(entries.size(), "picture") + counts + "</p>\n" + controls +
         "<main>\n" + cards + "</main>\n</body>\n</html>\n";
}

}  // namespace levit::tools
