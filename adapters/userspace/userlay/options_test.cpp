#include <gtest/gtest.h>

#include "adapters/userspace/userlay/userlay.h"

namespace userlay {
namespace {

std::vector<std::string> paths(const std::vector<LayerDir>& dirs) {
  std::vector<std::string> out;
  for (const LayerDir& dir : dirs) out.push_back(dir.path);
  return out;
}

using Paths = std::vector<std::string>;

TEST(ParseOptions, SplitsLowersTopmostFirst) {
  auto spec = parse_options("lowerdir=a:b:c,upperdir=u,workdir=w");
  ASSERT_TRUE(spec);
  EXPECT_EQ(paths(spec->lowers), (Paths{"a", "b", "c"}));
  EXPECT_TRUE(spec->data_lowers.empty());
  EXPECT_EQ(spec->upper->path, "u");
  EXPECT_EQ(spec->work->path, "w");
}

TEST(ParseOptions, DoubleColonStartsDataLayers) {
  auto spec = parse_options("lowerdir=a:b::c::d");
  ASSERT_TRUE(spec);
  EXPECT_EQ(paths(spec->lowers), (Paths{"a", "b"}));
  EXPECT_EQ(paths(spec->data_lowers), (Paths{"c", "d"}));
}

TEST(ParseOptions, BackslashEscapesColonCommaAndItself) {
  auto spec = parse_options(R"(lowerdir=a\:b:c\,d:e\\f,upperdir=u\,v,workdir=w)");
  ASSERT_TRUE(spec);
  EXPECT_EQ(paths(spec->lowers), (Paths{"a:b", "c,d", "e\\f"}));
  EXPECT_EQ(spec->upper->path, "u,v");
}

TEST(ParseOptions, AppendedLowersTakeNoEscapes) {
  auto spec = parse_options("lowerdir+=a:b,lowerdir+=c,datadir+=d");
  ASSERT_TRUE(spec);
  EXPECT_EQ(paths(spec->lowers), (Paths{"a:b", "c"}));
  EXPECT_EQ(paths(spec->data_lowers), (Paths{"d"}));
}

TEST(ParseOptions, TheLastLowerdirWins) {
  EXPECT_EQ(paths(parse_options("lowerdir=a:b,lowerdir=c:d")->lowers), (Paths{"c", "d"}));
  EXPECT_EQ(paths(parse_options("lowerdir+=a,lowerdir=c:d")->lowers), (Paths{"c", "d"}));
}

TEST(ParseOptions, SkipsEmptyParts) {
  EXPECT_TRUE(parse_options(",,lowerdir=a:b,=x,"));
}

TEST(ParseOptions, RefusesWhatTheKernelRefuses) {
  for (const char* text : {"lowerdir=a:", "lowerdir=:a", "lowerdir=a:::b", "lowerdir=a::", "lowerdir=a::b:c",
                           "upperdir=", "workdir=", "lowerdir=a,lowerdir+=b", "datadir+=a,lowerdir+=b",
                           "bogus", "bogus=1", "index", "index=maybe", "userxattr=1", "volatile=1",
                           "redirect_dir=sometimes", "xino=", "verity=require"}) {
    auto spec = parse_options(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error(), EINVAL) << text;
  }
}

Result<Options> resolve(const char* text, bool privileged = true) {
  return resolve_options(*parse_options(text), privileged);
}

TEST(ResolveOptions, MetacopyTurnsRedirectOn) {
  EXPECT_EQ(resolve("upperdir=u,metacopy=on")->redirect_dir, RedirectMode::kOn);
  EXPECT_EQ(resolve("upperdir=u,metacopy=on,redirect_dir=follow").error(), EINVAL);
}

TEST(ResolveOptions, NfsExportNeedsIndexAndExcludesMetacopy) {
  EXPECT_TRUE(resolve("upperdir=u,nfs_export=on")->index);
  EXPECT_EQ(resolve("upperdir=u,nfs_export=on,index=off").error(), EINVAL);
  EXPECT_EQ(resolve("upperdir=u,nfs_export=on,metacopy=on").error(), EINVAL);
}

TEST(ResolveOptions, UserxattrExcludesRedirectAndMetacopy) {
  EXPECT_EQ(resolve("upperdir=u,userxattr")->redirect_dir, RedirectMode::kNoFollow);
  EXPECT_EQ(resolve("upperdir=u,userxattr,redirect_dir=follow").error(), EINVAL);
  EXPECT_EQ(resolve("upperdir=u,userxattr,metacopy=on").error(), EINVAL);
  EXPECT_TRUE(resolve("upperdir=u,userxattr,metacopy=off,redirect_dir=nofollow"));
}

TEST(ResolveOptions, UnprivilegedMayNotAskForTrustedFeatures) {
  EXPECT_EQ(resolve("upperdir=u,redirect_dir=on", false).error(), EPERM);
  EXPECT_EQ(resolve("upperdir=u,metacopy=on", false).error(), EPERM);
  EXPECT_EQ(resolve("lowerdir=a::b", false).error(), EPERM);
  EXPECT_TRUE(resolve("lowerdir=a::b,userxattr", false));
}

TEST(ResolveOptions, WithoutUpperSomeOptionsMeanNothing) {
  auto options = resolve("lowerdir=a:b,index=on,volatile,uuid=on,redirect_dir=follow");
  ASSERT_TRUE(options);
  EXPECT_FALSE(options->index);
  EXPECT_EQ(options->fsync, FsyncMode::kAuto);
  EXPECT_EQ(options->uuid, UuidMode::kNull);
  EXPECT_EQ(options->redirect_dir, RedirectMode::kOn);
}

}  // namespace
}  // namespace userlay
