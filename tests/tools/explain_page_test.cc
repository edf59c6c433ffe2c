// index.html and the files around it.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "tests/support/scratch_directory.h"
#include "tools/levit/explain/page.h"
#include "tools/levit/explain/report.h"

namespace levit::tools {
namespace {

size_t occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Every tag closes in the right order; void elements need not.
bool balanced(const std::string& html) {
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const size_t end = html.find('>', at);
    if (end == std::string::npos) return false;
    const bool closing = html[at + 1] == '/';
    const size_t begin = at + (closing ? 2 : 1);
    const std::string name = html.substr(begin, html.find_first_of(" >", begin) - begin);
    if (name == "!DOCTYPE" || name == "meta" || name == "input" || name == "img") continue;
    if (!closing) {
      open.push_back(name);
    } else {
      if (open.empty() || open.back() != name) return false;
      open.pop_back();
    }
  }
  return open.empty();
}

std::vector<PageEntry> three_entries() {
  return {{"b/fox.jpg", "fox_sheet.png", "thumbnails/fox.jpg", 0, 0.9, 0.9, false},
          {"a/<i>&\"'.jpg", "odd #1_sheet.png", "thumbnails/odd #1.jpg", 1, 0.6, 0.4, true},
          {"c/bear.jpg", "bear_sheet.png", "thumbnails/bear.jpg", 1, 0.8, 0.2, false}};
}

TEST_CASE("the page holds every picture, is well-formed and runs no script") {
  const std::string page = explanation_page("Two < three", {"ai", "real"}, three_entries());
  CHECK(balanced(page));
  CHECK(occurrences(page, "class=\"card ") == 3);
  CHECK(occurrences(page, "<script") == 0);
  CHECK(occurrences(page, "http") == 0);  // nothing from elsewhere
  CHECK(page.find("<title>Two &lt; three</title>") != std::string::npos);
  CHECK(page.find("3 pictures, 1 ai, 2 real, 1 of them unsure") != std::string::npos);
}

TEST_CASE("names are escaped as text and encoded as links") {
  const std::string page = explanation_page("x", {"ai", "real"}, three_entries());
  CHECK(page.find("a/&lt;i&gt;&amp;&quot;&#39;.jpg") != std::string::npos);
  CHECK(page.find("<i>") == std::string::npos);
  CHECK(page.find("href=\"odd%20%231_sheet.png\"") != std::string::npos);
  CHECK(page.find("src=\"thumbnails/odd%20%231.jpg\"") != std::string::npos);
}

TEST_CASE("percent signs and names that are not ASCII lead to their files") {
  const std::string page = explanation_page(
      "x", {"ai", "real"},
      {{"100%20 \xC3\xBC.jpg", "100%20_\xC3\xBC.png", "thumbnails/\xFF.jpg", 0, 0.9, 0.9, false}});
  CHECK(page.find("<small>100%20 \xC3\xBC.jpg</small>") != std::string::npos);
  CHECK(page.find("href=\"100%2520_%C3%BC.png\"") != std::string::npos);
  CHECK(page.find("src=\"thumbnails/%FF.jpg\"") != std::string::npos);
}

TEST_CASE("labels are escaped wherever they stand") {
  const std::string page = explanation_page("x", {"<ai>", "real"}, three_entries());
  CHECK(balanced(page));
  CHECK(page.find("<ai>") == std::string::npos);
}

TEST_CASE("cards know their places by name, label, probability and doubt") {
  const std::string page = explanation_page("x", {"ai", "real"}, three_entries());
  const auto places = [&page](const std::string& sheet) {
    const size_t at = page.find("style=\"", page.find("href=\"" + sheet)) + 7;
    return page.substr(at, page.find('"', at) - at);
  };
  CHECK(places("fox_sheet") == "--n:1;--l:0;--p:0;--d:2;");
  CHECK(places("odd") == "--n:0;--l:2;--p:1;--d:0;");
  CHECK(places("bear_sheet") == "--n:2;--l:1;--p:2;--d:1;");
}

TEST_CASE("files of pictures with the same name are told apart, whatever the case") {
  OutputNames names;
  CHECK(names.name_for("a/x.jpg") == "x");
  CHECK(names.name_for("b/x.png") == "x-2");
  CHECK(names.name_for("c/X.png") == "X-3");
  CHECK(names.name_for("x-2.png") == "x-2-2");
  CHECK(names.name_for("odd name?#*.jpg") == "odd_name___");
  CHECK(names.name_for("\xE5\x86\x99.jpg") == "\xE5\x86\x99");
  CHECK(names.name_for(".jpg") == "picture.jpg");
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xc3\xa4";
  CHECK(names.name_for("a" + umlauts + ".jpg") == "a" + umlauts.substr(0, 158));  // no half character
}

TEST_CASE("a directory that is a file cannot be written to, and is named") {
  const tests::ScratchDirectory scratch;
  const std::string file = scratch.write("file");
  CHECK_THROWS_WITH_AS(make_output_directory(file), doctest::Contains(file.c_str()), std::runtime_error);
  CHECK_THROWS_AS(make_output_directory(file + "/below"), std::runtime_error);
  make_output_directory(scratch.path() / "new" / "deep");
  CHECK(std::filesystem::is_directory(scratch.path() / "new" / "deep"));
}

TEST_CASE("JSON of an explanation gives back its numbers") {
  SheetContext context;
  context.labels = {"ai", "real"};
  context.samples = 50;
  context.seed = 7;
  context.background = "three pictures";
  Verdict verdict;
  verdict.path = "bad\xFFname.jpg";
  verdict.width = 12;
  verdict.height = 34;
  verdict.logits = {0.1F, -0.2F};
  verdict.probabilities = {0.57444257F, 0.42555743F};
  Explanation cam;
  cam.method = Method::kXGradCam;
  cam.layers = {LEVIT_STEM, LEVIT_STAGE2};
  cam.low = -0.3F;
  cam.high = -0.1F;
  cam.flat = true;
  Explanation shap;
  shap.method = Method::kShap;
  shap.attribution = {sizeof(levit_attribution), 1.5, 0.25, 1.125, 0.125, 0.0625};
  const std::string text = explanation_json(context, verdict, 1, {cam, shap}, "a_sheet.png");
  CHECK(text.back() == '\n');
  CHECK(occurrences(text, "\n") == 1);
  CHECK(text.find("[0.1,-0.2]") != std::string::npos);  // the shortest digits of a float
  const auto json = nlohmann::json::parse(text);
  CHECK(json["path_bytes"] == "bad%FFname.jpg");
  CHECK(json["class"] == "real");
  CHECK(json["explanations"][0]["layer"] == "stem,stage2");
  CHECK(json["explanations"][0]["flat"] == true);
  CHECK(static_cast<float>(json["explanations"][0]["low"].get<double>()) == -0.3F);
  CHECK(json["explanations"][1]["gap"] == 0.125);
  CHECK(json["explanations"][1]["standard_error"] == 0.0625);
  CHECK(json["explanations"][1]["samples"] == 50);
  const std::string failure = verdict_json(context.labels, failed("x.jpg", "no \"picture\""));
  CHECK(nlohmann::json::parse(failure)["error"] == "no \"picture\"");
}

}  // namespace
}  // namespace levit::tools
