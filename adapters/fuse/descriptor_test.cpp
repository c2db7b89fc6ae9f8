#include "adapters/fuse/descriptor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "adapters/fuse/dialects.h"
#include "adapters/fuse/embedded.h"
#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

// A descriptor with some members replaced or, by null, removed.
std::string descriptor(const std::string& changes = "{}") {
  Json json = Json::parse(R"({
    "name": "prog", "filesystem": "fuse", "dialect": "plain",
    "mount": ["prog", "{lower}", "{upper}", "{mount}"]})");
  json.merge_patch(Json::parse(changes));
  return json.dump(2);
}

// What reading it complains about, "" if nothing.
std::string complaint(const std::string& text) {
  try {
    (void)read_descriptor(text, "prog.json");
  } catch (const BadCase& bad) {
    return bad.what();
  }
  return "";
}

void expect_complaint(const std::string& changes, const std::string& message) {
  EXPECT_EQ(complaint(descriptor(changes)), message);
}

TEST(Descriptor, IsReadWithAllItsMembers) {
  const Descriptor d = read_descriptor(descriptor(R"json({
      "$schema": "schema.json", "about": "It does.", "package": "prog-deb",
      "mount": ["prog", "-o", "w={work}{options}", "{lower}", "{upper}", "{mount}"],
      "mount_read_only": ["prog", "-o", "ro{options}", "{lower}", "{mount}"],
      "lower": "{path}=RO", "separator": ":", "unmount": ["prog", "--end", "{mount}"],
      "environment": {"A": "b"}, "version": {"command": ["prog", "-v"], "pattern": "v([0-9]+)"},
      "options": {"index": {"default": "off", "values": {"off": "", "on": "idx"}}}, "limits": {
  "lowers" : 7
}
})json"),
                                       "prog.json");
  EXPECT_EQ(d.name, "prog");
  EXPECT_EQ(d.package, "prog-deb");
  EXPECT_EQ(d.mount_read_only.size(), 5U);
  EXPECT_EQ(d.lower, "{path}=RO");
  EXPECT_EQ(d.separator, ":");
  EXPECT_EQ(d.unmount.size(), 3U);
  EXPECT_EQ(d.environment.at("A"), "b");
  EXPECT_EQ(d.version_pattern, "v([0-9]+)");
  EXPECT_EQ(d.options.at("index").fallback, "off");
  EXPECT_EQ(d.options.at("index").values.at("on"), "idx");
  EXPECT_EQ(d.max_lowers, 7U);
}

TEST(Descriptor, SaysWhereAnUnknownMemberIs) {
  EXPECT_EQ(complaint("{\"name\": \"prog\",\n \"filesystem\": \"fuse\", \"dialect\": \"plain\",\n"
                      " \"mount\": [\"p\", \"{lower}{upper}{mount}\"],\n \"version\":\n  {\"comand\": "
                      "[\"p\"], \"pattern\": \"(.)\"}}"),
            "prog.json:5: /version: unknown member \"comand\" (did you mean \"command\"?)\n"
            "prog.json:5: /version: needs the member \"command\"");
  expect_complaint(R"({"mounts": []})", "prog.json:1: unknown member \"mounts\" (did you mean \"mount\"?)");
}

TEST(Descriptor, MustFitTheSchema) {
  EXPECT_EQ(complaint("[]"),
            "prog.json:1: must be a descriptor: an object with name, filesystem, mount and dialect");
  EXPECT_NE(complaint("{"), "");
  expect_complaint(R"({"name": null})", "prog.json:1: needs the member \"name\"");
  expect_complaint(R"({"name": "Prog"})",
                   "prog.json:2: /name: must be the subject's name: small letters, digits and hyphens");
  expect_complaint(
      R"({"dialect": "overlays"})",
      "prog.json:4: /dialect: must be the format of the marks on disk: aufs, fuse-overlayfs, overlayfs, "
      "plain or unionfs-fuse (did you mean \"overlayfs\"?)");
  expect_complaint(R"({"mount": []})",
                   "prog.json:5: /mount: must be an array of a program and its arguments");
  expect_complaint(R"({"lower": "RO"})",
                   "prog.json:11: /lower: must be how one lower layer is written, with {path}");
  expect_complaint(R"({"limits": {"lowers": 0}})",
                   "prog.json:12: /limits/lowers: must be the largest number of lower layers, at least 1");
  expect_complaint(R"({"options": {"index": {}}})",
                   "prog.json:12: /options/index: needs the member \"values\"");
}

TEST(Descriptor, MustMakeSense) {
  expect_complaint(R"({"mount": ["prog", "{lowers}", "{lower}", "{upper}", "{mount}"]})",
                   "prog.json:7: /mount/1: unknown placeholder {lowers}");
  expect_complaint(R"({"mount": ["prog", "{lower}"]})",
                   "prog.json:5: /mount: the command needs the placeholder {upper}\n"
                   "prog.json:5: /mount: the command needs the placeholder {mount}");
  expect_complaint(R"({"mount_read_only": ["prog", "{lower}", "{upper}", "{mount}"]})",
                   "prog.json:14: /mount_read_only/2: unknown placeholder {upper}");
  expect_complaint(R"({"lower": "{path}{x}"})", "prog.json:11: /lower: unknown placeholder {x}");
  expect_complaint(R"({"unmount": ["end", "{upper}"]})",
                   "prog.json:13: /unmount/1: unknown placeholder {upper}");
  expect_complaint(R"({"options": {"index": {"default": "on", "values": {"off": ""}}}})",
                   "prog.json:13: /options/index/default: the default \"on\" is not one of the values");
  expect_complaint(R"({"options": {"index": {"values": {"on": "idx"}}}})",
                   "prog.json:14: /options/index/values/on: the command has no {options} to put this into");
  expect_complaint(R"({"kernel_options": true})",
                   "prog.json:11: /kernel_options: the command has no {options} to put them into");
  expect_complaint(R"({"version": {"command": ["p"], "pattern": "[0-9]+"}})",
                   "prog.json:15: /version/pattern: the pattern needs a group around the version: ([0-9.]+)");
  EXPECT_NE(complaint(descriptor(R"json({"version": {"command": ["p"], "pattern": "("}})json"))
                .find("/version/pattern: not a regular expression"),
            std::string::npos);
}

TEST(Descriptor, IsLoadedFromAFile) {
  const std::string path = ::testing::TempDir() + "ovlcheck-descriptor.json";
  std::ofstream(path) << descriptor();
  EXPECT_EQ(load_descriptor(path).name, "prog");
  EXPECT_EQ(std::remove(path.c_str()), 0);
  EXPECT_THROW(load_descriptor(path), BadCase);
}

TEST(ShippedDescriptors, AreValidAndComplete) {
  const auto names = shipped_descriptors();
  for (const char* name : {"fuse-overlayfs", "unionfs-fuse", "mergerfs", "aufs"})
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  for (const std::string& name : names) {
    const Descriptor d = shipped_descriptor(name);
    EXPECT_EQ(d.name, name);
    EXPECT_FALSE(d.mount_read_only.empty()) << name;
    EXPECT_FALSE(d.version_command.empty()) << name;
    for (const char* option : {"redirect_dir", "metacopy", "index", "nfs_export", "xino"})
      EXPECT_TRUE(d.options.contains(option) && d.options.at(option).fallback) << name << " " << option;
  }
}

TEST(Schema, KnowsTheDialects) {
  const Json schema = Json::parse(embedded_schema());
  EXPECT_EQ(schema["properties"]["dialect"]["enum"].get<std::vector<std::string>>(), dialect_names());
}

TEST(DescriptorForCommand, SplitsWordsAndKeepsQuotedOnes) {
  const Descriptor d =
      descriptor_for_command("  /opt/my-fs  -x 'a b' \"c\\\"d\"\t-o l={lower},u={upper},w={work} {mount}");
  EXPECT_EQ(d.mount, (std::vector<std::string>{"/opt/my-fs", "-x", "a b", "c\"d", "-o",
                                               "l={lower},u={upper},w={work}", "{mount}"}));
  EXPECT_EQ(d.name, "my-fs");
  EXPECT_EQ(d.dialect, "overlayfs");
  EXPECT_EQ(d.separator, ":");
  EXPECT_FALSE(d.kernel_options);
  EXPECT_EQ(d.options.at("redirect_dir").fallback, "off");
  EXPECT_TRUE(descriptor_for_command("p {lower} {upper} -o x{options} {mount}").kernel_options);
}

TEST(DescriptorForCommand, RefusesWhatCannotMount) {
  const auto refused = [](const std::string& command) -> std::string {
    try {
      (void)descriptor_for_command(command);
    } catch (const BadCase& bad) {
      return bad.what();
    }
    return "";
  };
  EXPECT_EQ(refused(" "), "the mount command is empty");
  EXPECT_EQ(refused("p {lower} {mount}"),
            "mount command \"p {lower} {mount}\": the command needs the placeholder {upper}");
  EXPECT_EQ(refused("p {lower} {upper} {mount} {dir}"),
            "mount command \"p {lower} {upper} {mount} {dir}\": unknown placeholder {dir}");
  EXPECT_NE(refused("p \\q {lower} {upper} {mount}"), "");
}

}  // namespace
}  // namespace ovlcheck
