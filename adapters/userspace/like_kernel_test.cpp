// UserlayVfs against the running kernel: the same call on the same layers must give the same answer and leave
// the same tree behind.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "adapters/userspace/like_kernel_harness.h"

namespace ovlcheck::like_kernel {
namespace {

using Paths = std::vector<std::string>;

const Paths& paths() {
  static const Paths all = {"f",
                            "f/",
                            "d",
                            "d/",
                            "d/.",
                            "d/..",
                            "d/f",
                            "d/f/x",
                            "d/none",
                            "d/none/",
                            "d/none/x",
                            ".",
                            "..",
                            "/",
                            "",
                            "/f",
                            "../f",
                            "none",
                            "none/",
                            "link",
                            "link/",
                            "dlink",
                            "dlink/",
                            "dlink/f",
                            "slash",
                            "fslash",
                            "dangling",
                            "dangling/",
                            "dangling2",
                            "loop",
                            "loop/x",
                            "abs",
                            "up",
                            "root",
                            "root/f",
                            "chain",

                            "fifo",
                            "sock",
                            "u",
                            "ud",
                            "ud/f",
                            "uempty",
                            "empty",
                            "ulink",
                            "suid",
                            std::string(255, 'n'),
                            std::string(256, 'n'),
                            "none/" + std::string(256, 'n'),
                            std::string(2040, '/') + "f" + std::string(2040, '/'),
                            std::string(4095, '/'),
                            std::string(4096, '/')};
  return all;
}

const Paths& pair_paths() {
  static const Paths all = {"f",     "f/",      "d",        "d/",    "d/.",    "d/e",
                            "d/e/g", "d/e/new", "none",     "none/", "none/x", "link",
                            "link/", "dlink",   "dangling", "fifo",  "u",      "ud",
                            "ud/f",  "ud/new",  "uempty",   "empty", "suid",   ".",
                            "..",    "/",       "",         "f/x",   "d/new/", std::string(256, 'n')};
  return all;
}

const Paths& guarded_paths() {
  static const Paths all = {"f",           "secret",
                            "mine",        "others",
                            "suid",        "d",
                            "d/f",         "d/new",
                            "dark",        "dark/f",
                            "dark/new",    "listed",
                            "listed/f",    "listed/none",
                            "home",        "home/f",
                            "home/other",  "home/sub",
                            "home/new",    "sticky",
                            "sticky/f",    "sticky/other",
                            "sticky/link", "sticky/dir",
                            "sticky/new",  "shared",
                            "shared/f",    "shared/e",
                            "shared/new",  "rootsuid",
                            "rootsgid",    "mlink",
                            "slink",       "fifo",
                            "u",           "umine",
                            "new",         "/"};
  return all;
}

std::vector<Named> every_call() {
  std::vector<Named> all = open_calls();
  for (auto* more : {looking_calls, changing_calls})
    for (Named& one : more()) all.push_back(std::move(one));
  return all;
}

void expect_like_kernel(const Setup& setup, const std::vector<Named>& calls, const Paths& on) {
  expect_no_difference([&](const Place& place) {
    if (setup.actor && !place.environment.mapped_uids)
      return Paths{"skip other users need more than one user id"};
    Comparison comparison(place, setup);
    comparison.all(calls, on);
    return comparison.differences();
  });
}

void expect_pairs_like_kernel(const Setup& setup, const Paths& on) {
  expect_no_difference([&](const Place& place) {
    if (setup.actor && !place.environment.mapped_uids)
      return Paths{"skip other users need more than one user id"};
    Comparison comparison(place, setup);
    comparison.all_pairs(calls_of_two(), on, on);
    return comparison.differences();
  });
}

Actor user(std::vector<std::string> caps = {}) {
  Actor actor;
  actor.uid = actor.gid = 1000;
  actor.groups = {5};
  actor.caps = std::move(caps);
  actor.umask = 027;
  return actor;
}

TEST(UserlayLikeKernel, Opens) {
  expect_like_kernel({plain_layers()}, open_calls(), paths());
}

TEST(UserlayLikeKernel, Looks) {
  expect_like_kernel({plain_layers()}, looking_calls(), paths());
}

TEST(UserlayLikeKernel, Changes) {
  expect_like_kernel({plain_layers()}, changing_calls(), paths());
}

TEST(UserlayLikeKernel, MovesAndLinks) {
  expect_pairs_like_kernel({plain_layers()}, pair_paths());
}

TEST(UserlayLikeKernel, ReadOnly) {
  expect_like_kernel({plain_layers(), false}, every_call(), paths());
  expect_pairs_like_kernel({plain_layers(), false}, pair_paths());
}

TEST(UserlayLikeKernel, ForOrdinaryUser) {
  expect_like_kernel({guarded_layers(), true, user()}, every_call(), guarded_paths());
  expect_pairs_like_kernel({guarded_layers(), true, user()}, guarded_paths());
}

TEST(UserlayLikeKernel, ForUserWithCapabilities) {
  for (const char* cap : {"CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_CHOWN", "CAP_FSETID",
                          "CAP_MKNOD", "CAP_SYS_ADMIN"}) {
    SCOPED_TRACE(cap);
    expect_like_kernel({guarded_layers(), true, user({cap})}, changing_calls(),
                       {"f", "others", "rootsuid", "dark/f", "dark/new", "home/other", "home/sub",
                        "sticky/other", "sticky/dir", "shared/new", "shared/e"});
  }
}

void expect_any_order_like_kernel(const Setup& setup, const Paths& on, unsigned seeds) {
  expect_no_difference([&](const Place& place) {
    if (place.environment.privilege != "root") return Paths{"skip hard links differ in a user namespace"};
    std::vector<Named> calls = open_calls();
    for (Named& one : changing_calls()) calls.push_back(std::move(one));
    Comparison comparison(place, setup);
    for (unsigned seed = 1; seed <= seeds; ++seed) comparison.any_order(calls, calls_of_two(), on, seed, 60);
    return comparison.differences();
  });
}

TEST(UserlayLikeKernel, InAnyOrder) {
  const Paths on = {"f",    "d",     "d/f",    "d/e", "d/e/g", "link",  "dlink", "dlink/f", "u",     "ud",
                    "ud/f", "empty", "uempty", "new", "new/f", "d/new", "fifo",  "d/",      "ud/new"};
  expect_any_order_like_kernel({plain_layers()}, on, 40);
}

TEST(UserlayLikeKernel, InAnyOrderForOrdinaryUser) {
  expect_any_order_like_kernel({guarded_layers(), true, user()}, guarded_paths(), 40);
}

TEST(UserlayLikeKernel, Stories) {
  expect_no_difference([](const Place& place) {
    Comparison comparison(place, {plain_layers()});
    comparison.stories(stories(place.environment.privilege == "root"));
    return comparison.differences();
  });
}

}  // namespace
}  // namespace ovlcheck::like_kernel
