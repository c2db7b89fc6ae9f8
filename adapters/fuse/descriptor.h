// Descriptor: how to mount a union filesystem, as read from a JSON file; README.md describes the format.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/case/case.h"

namespace ovlcheck {

struct Descriptor {
  // One mount option of the kernel as this program knows it.
  struct Option {
    std::optional<std::string> fallback;        // value in force when it is not given
    std::map<std::string, std::string> values;  // value -> mount option to add, "" = none
  };

  std::string name;
  std::string package;     // Debian package that brings the program; "" unknown
  std::string filesystem;  // type in /proc/filesystems; "fuse" also needs /dev/fuse

  // Program and arguments with {lower} {upper} {work} {mount} {options}; see command.h.
  std::vector<std::string> mount;
  std::vector<std::string> mount_read_only;  // empty: cannot mount without an upper layer
  std::string lower = "{path}";              // how one lower is written
  std::optional<std::string> separator;      // nothing: one argument per lower
  std::vector<std::string> unmount;          // empty: umount2(2)
  std::map<std::string, std::string> environment;

  std::vector<std::string> version_command;  // empty: has no way to tell
  std::string version_pattern;               // ECMAScript; group 1 is the version

  std::string dialect = "overlayfs";  // one of dialect_names()
  std::map<std::string, Option> options;
  // {options} takes the kernel's options as they are (those in `options` only with the values there), {lower}
  // data-only layers after "::", and userxattr is among the options where trusted.* xattrs are out of reach.
  bool kernel_options = false;
  std::optional<size_t> max_lowers;
};

// Reads a descriptor; `file` is for messages. Throws BadCase with every problem found.
Descriptor read_descriptor(const std::string& text, const std::string& file);

// Reads a descriptor file. Throws BadCase, also if it cannot be read.
Descriptor load_descriptor(const std::string& path);

// The descriptors that are part of this program, in the order they are shown.
std::vector<std::string> shipped_descriptors();
// One of those by name; the name must be known.
Descriptor shipped_descriptor(const std::string& name);

// Words of a command line: split at blanks, kept together by quotes and backslashes. Throws BadCase.
std::vector<std::string> command_words(const std::string& line);

// A descriptor for a command line such as "mycmd {lower} {upper} {work} {mount}": lowers are joined with ':',
// marks are those of overlayfs, and options are passed on if the command has {options}. Throws BadCase.
Descriptor descriptor_for_command(const std::string& command_template);

}  // namespace ovlcheck
