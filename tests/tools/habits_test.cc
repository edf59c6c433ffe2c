// What people do to a program that reads many files: pipes in folders, lists from other systems, limits of
// containers, names of every kind, terminals.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

namespace fs = std::filesystem;
using namespace levit::tests;
using nlohmann::json;

namespace {

// A model and the picture a.ppm in the directory in which the line of bash runs.
struct Fixture {
  ScratchDirectory root;
  std::string model = write_model(root);
  std::string picture = write_picture(root, "in/a.ppm");

  Outcome line(const std::string& text) const {
    return run("export LEVIT_MODEL=" + quoted(model) + "\ncd " + quoted(root.path() / "in") + "\n" + text);
  }
};

size_t count(const std::string& text, const std::string& word) {
  size_t found = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("a pipe in a folder is skipped and counted, one that is named is read") {
  const Fixture f;
  const Outcome folder = f.line("mkdir d; cp a.ppm d; mkfifo d/b.jpg; timeout 20 $levit classify --json d");
  CHECK(folder.exit == 0);
  CHECK(count(folder.out, "\n") == 1);
  CHECK(folder.err.find("1 other file skipped") != std::string::npos);
  const Outcome named =
      f.line("mkfifo p; (sleep 0.3; cat a.ppm >p) & timeout 20 $levit classify --json p a.ppm");
  CHECK(named.exit == 0);
  CHECK(count(named.out, "\"label\"") == 2);
}

TEST_CASE("a file that is read is never written over") {
  const Fixture f;
  const char* const same = "; cmp a.ppm kept && echo kept";
  for (const char* command :
       {"$levit classify --csv -o a.ppm a.ppm", "$levit evaluate d --map x=class0,y=class1 --csv d/x/a.ppm",
        "$levit evaluate d --map x=class0,y=class1 --report d/x/a.ppm",
        "$levit finetune d -o d/x/a.ppm --no-cache",
        "cp --remove-destination $LEVIT_MODEL a.ppm; cp a.ppm kept; "
        "$levit finetune d --model a.ppm -o a.ppm --no-cache"}) {
    CAPTURE(command);
    const Outcome outcome =
        f.line("mkdir -p d/x d/y; cp -f a.ppm kept; ln -f a.ppm d/x/a.ppm; cp a.ppm d/y/b.ppm\n" +
               std::string(command) + same);
    CHECK(outcome.out.find("kept") != std::string::npos);
    CHECK(outcome.err.find("is an input too, and would be overwritten") != std::string::npos);
  }
}

TEST_CASE("the first Ctrl-C and the first SIGTERM end a wait for a pipe: picture, list or weight file") {
  const Fixture f;
  for (const char* signal : {"INT", "TERM"}) {
    for (const char* arguments : {"p", "--threads 2 p a.ppm p2", "@p", "--model p a.ppm"}) {
      CAPTURE(signal);
      CAPTURE(arguments);
      const Outcome outcome =
          f.line("mkfifo -m 600 p p2 2>/dev/null; timeout -s KILL 20 $levit classify " +
                 std::string(arguments) + " & sleep 0.5\nkill -" + signal + " $(pgrep -P $!)\nwait $!");
      CHECK(outcome.exit == 130);
      CHECK(outcome.err.find("levit: stopped") != std::string::npos);
    }
  }
}

TEST_CASE("an empty path is named with its cause, and the others are answered") {
  const Fixture f;
  const Outcome outcome = f.line("$levit classify --json --quiet a.ppm ''");
  CHECK(outcome.exit == 1);
  CHECK(count(outcome.out, "\n") == 2);
  CHECK(outcome.out.find("{\"path\":\"\",\"error\":\"an empty path\"}") != std::string::npos);
  CHECK(outcome.err == "levit: \"\": an empty path\n");
}

TEST_CASE("in a directory that is gone, paths that lead out of it are answered") {
  const Fixture f;
  const Outcome outcome = f.line(
      "mkdir g b; cp a.ppm b; cd g; rmdir ../g; $levit classify --json ../a.ppm ../b/a.ppm ../none.ppm");
  CHECK(outcome.exit == 1);
  CHECK(count(outcome.out, "\"label\"") == 2);
  CHECK(outcome.err.find("levit: ../none.ppm: No such file or directory\n") == 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which need terabytes of address space
TEST_CASE("fewer threads or less memory than asked for: it goes on, or says why in one line") {
  const Fixture f;
  f.line("for i in $(seq 70); do cp a.ppm p$i.ppm; done");
  for (const char* limit : {"60000", "90000", "120000", "200000", "300000"}) {
    CAPTURE(limit);
    const Outcome outcome =
        f.line("ulimit -v " + std::string(limit) + "; $levit classify --threads 64 --json --quiet .");
    CAPTURE(outcome.err);
    CHECK((outcome.exit == 0 || outcome.exit == 1));
    CHECK(count(outcome.err, "\n") <= (outcome.exit == 0 ? 1 : 2));
    if (outcome.exit == 0) CHECK(count(outcome.out, "\"label\"") == 71);
  }
}

TEST_CASE("a user who may start no thread gets the answer of one thread") {
  const Fixture f;
  const Outcome outcome = f.line(
      "[ $(id -u) = 0 ] && command -v setpriv prlimit >/dev/null || exit 77\n"
      "chmod -R a+rX ..; cp $levit ../levit\n"
      "setpriv --reuid=65534 --regid=65534 --clear-groups prlimit --nproc=1 ../levit classify --json a.ppm");
  if (outcome.exit == 77) return;  // only root may become somebody else
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.empty());
  CHECK(outcome.out == f.line("$levit classify --json --threads 1 a.ppm").out);
  f.line(
      "mkdir -p data/a data/b; for i in 1 2 3 4 5 6; do (cat a.ppm; echo $i) >data/a/$i.ppm; (cat a.ppm; "
      "echo b$i) "
      ">data/b/$i.ppm; done; chmod -R a+rX .; mkdir -m 777 out");
  const std::string train = "finetune data --train head --epochs 2 --batch 4 --val 0 -o out/";
  const Outcome trained = f.line(
      "setpriv --reuid=65534 --regid=65534 --clear-groups prlimit --nproc=1 ../levit " + train + "one.levit");
  CAPTURE(trained.err);
  CHECK(trained.exit == 0);
  CHECK(f.line("$levit " + train + "two.levit && cmp out/one.levit out/two.levit").exit == 0);
}
#endif

TEST_CASE("lists: a byte order mark is no part of a name, UTF-16 is named, standard input is read once") {
  const Fixture f;
  const Outcome marked = f.line("printf '\\xef\\xbb\\xbfa.ppm\\n' >list; $levit classify --json @list");
  CHECK(marked.exit == 0);
  CHECK(json::parse(marked.out)["path"] == "a.ppm");
  const Outcome wide = f.line("printf '\\xff\\xfea\\0.\\0' >wide; $levit classify @wide");
  CHECK(wide.err == "levit: wide: a list in UTF-16; UTF-8 is read\n");
  const Outcome twice = f.line("$levit classify --json --quiet - - <list");
  CHECK(twice.exit == 1);
  CHECK(count(twice.out, "\"label\"") == 1);
  CHECK(twice.err == "levit: standard input: can be read only once\n");
  const Outcome none = f.line("$levit classify - </dev/null");
  CHECK(none.err == "levit: standard input: names no picture\n");
}

TEST_CASE("a picture on standard input is classified and explained, with or without -") {
  const Fixture f;
  const json expected = json::parse(f.line("$levit classify --json a.ppm").out);
  for (const char* line : {"$levit classify --json <a.ppm", "cat a.ppm | $levit classify --json",
                           "$levit classify --json - <a.ppm"}) {
    CAPTURE(line);
    const Outcome outcome = f.line(line);
    CHECK(outcome.exit == 0);
    const json answer = json::parse(outcome.out);
    CHECK(answer["path"] == "-");
    CHECK(answer["logits"] == expected["logits"]);
  }
  CHECK(f.line("$levit explain --method gradcam -o e <a.ppm").exit == 0);
  CHECK(fs::exists(f.root.path() / "in/e/standard_input_sheet.png"));
  const Outcome binary = f.line("$levit classify <$levit");
  CHECK(binary.exit == 1);
  CHECK(binary.err.find("levit: standard input: not a picture") == 0);
  const Outcome nothing = f.line("$levit classify </dev/null");
  CHECK(nothing.exit == 2);
  CHECK(nothing.err == "levit: name a picture, a directory or a list of them (see levit classify --help)\n");
}

TEST_CASE("paths that begin with a dash go behind --, and a usage error says so") {
  const Fixture f;
  const Outcome refused = f.line("cp a.ppm ./-x.ppm; $levit classify -x.ppm");
  CHECK(refused.exit == 2);
  CHECK(refused.err.find("-x.ppm") != std::string::npos);
  CHECK(refused.err.find("behind --") != std::string::npos);
  CHECK(f.line("$levit classify --json -- -x.ppm").exit == 0);
  CHECK(f.line("echo -x.ppm | $levit classify --json -").exit == 0);
}

TEST_CASE("explain cuts names that file systems would not take, and keeps them apart") {
  const Fixture f;
  const Outcome outcome = f.line(
      "n=$(printf 'x%.0s' $(seq 240)); cp a.ppm $n.ppm; cp a.ppm ${n}y.ppm; rm a.ppm\n"
      "$levit explain --method gradcam++ --layer mean --quiet -o e --raw . && ls e | wc -l");
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.empty());
  CHECK(outcome.out.substr(outcome.out.size() - 3) == "14\n");  // 2 x (sheet, map, 4 raw), page, thumbnails
}

TEST_CASE("--max-megapixels raises and lowers the limit of a picture's size") {
  const Fixture f;
  write_picture(f.root, "in/large.ppm", 1200, 1000);
  CHECK(f.line("$levit classify --json --max-megapixels 2 large.ppm").exit == 0);
  const Outcome refused = f.line("$levit classify --json --max-megapixels 1 large.ppm");
  CHECK(refused.exit == 1);
  CHECK(refused.err.find("at most 1 megapixels") != std::string::npos);
  CHECK(refused.err.find("--max-megapixels") != std::string::npos);
}

// Twelve pipes that answer every 150 ms, in a terminal; what the terminal was sent.
std::string terminal(const Fixture& f, const std::string& redirection) {
  const Outcome outcome = f.line(
      "command -v script >/dev/null || exit 77\n"
      "list=; for i in $(seq 12); do mkfifo q$i; list=\"$list q$i\"; done\n"
      "(for i in $(seq 12); do sleep 0.15; cat a.ppm >q$i; done) &\n"
      "stty_line=\"stty cols 60; $levit classify --csv --threads 1 $list " +
      redirection + "\"\nscript -qec \"$stty_line\" typescript >/dev/null </dev/null; cat typescript");
  return outcome.exit == 77 ? "" : outcome.out;
}

TEST_CASE("progress on a terminal stays there while rows go to a file") {
  const Fixture f;
  const std::string sent = terminal(f, ">out.csv");
  if (sent.empty()) return;  // no script(1)
  const size_t drawn = count(sent, "\r\x1b[K"), texts = count(sent, " of 12 pictures");
  CHECK(texts >= 3);
  CHECK(drawn == texts + 1);  // only the end takes the line away
}

TEST_CASE("progress on a terminal comes back behind every row that is written there, and fits its width") {
  const Fixture f;
  const std::string sent = terminal(f, "");
  if (sent.empty()) return;
  CHECK(count(sent, " of 12 pictures") >= 6);
  for (size_t at = sent.find(" of 12 pictures"); at != std::string::npos;
       at = sent.find(" of 12 pictures", at + 1)) {
    const size_t begin = sent.rfind("\x1b[K", at) + 3, end = sent.find_first_of("\r\n", at);
    CHECK(std::min(end, sent.size()) - begin < 60);
  }
}
