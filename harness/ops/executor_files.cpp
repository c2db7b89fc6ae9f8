// Operations on open files: data, positions, mappings.
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "harness/case/vocabulary.h"
#include "harness/ops/executor_context.h"
#include "harness/ops/mounted_tree.h"

namespace ovlcheck {
namespace {

constexpr size_t kReadAll = 64 << 20;  // bytes; more is not a test of an overlay

// Closes a descriptor the operation opened itself; the first error counts.
StepResult closing(const Operands& operands, int fd, StepResult result) {
  auto closed = operands.vfs.close(fd);
  return result.error == 0 && result.skip.empty() && !closed ? failure(closed.error()) : result;
}

Sys<int> open_path(const Operands& operands, unsigned long flags) {
  struct open_how how = {};
  how.flags = flags;
  if (flags & (O_CREAT | O_TMPFILE)) how.mode = operands.mode("mode", 0644);
  if (operands.has("resolve")) how.resolve = operands.flags("resolve", "resolve", "0");
  return operands.vfs.open(operands.at(), how);
}

// The new descriptor gets its name; where there is none, what later steps do with the name is EBADF.
StepResult keep(const Operands& operands, const Sys<int>& fd) {
  if (!fd && !operands.step.as.empty()) operands.names.not_opened(operands.step.as);
  if (!fd) return failure(fd.error());
  if (operands.step.as.empty()) return closing(operands, *fd, {});
  operands.names.put_descriptor(operands.step.as, *fd);
  return {};
}

StepResult open_operation(const Operands& operands) {
  return keep(operands, open_path(operands, operands.flags("open", "flags", "O_RDONLY")));
}

StepResult tmpfile_operation(const Operands& operands) {
  return keep(operands, open_path(operands, operands.flags("open", "flags", "O_RDWR") | O_TMPFILE));
}

StepResult close_operation(const Operands& operands) {
  auto closed = operands.vfs.close(operands.descriptor());
  operands.names.closed(operands.value.get<std::string>());
  return done(closed);
}

StepResult read_operation(const Operands& operands) {
  auto data = operands.vfs.read(operands.descriptor(), static_cast<size_t>(operands.number("count", 65536)),
                                operands.offset());
  if (!data) return failure(data.error());
  return success({{"data", text_from_bytes(*data)}, {"count", data->size()}});
}

StepResult write_operation(const Operands& operands) {
  auto count = operands.vfs.write(operands.descriptor(), operands.content(), operands.offset());
  return count ? success({{"count", *count}}) : failure(count.error());
}

StepResult cat_operation(const Operands& operands) {
  auto fd = open_path(operands, operands.flags("open", "flags", "0") | O_RDONLY);
  if (!fd) return failure(fd.error());
  std::string all;
  while (all.size() < kReadAll) {
    const size_t count = all.empty() ? 1 << 16 : 1 << 20;  // most files are small
    auto some = operands.vfs.read(*fd, count, std::nullopt);
    if (!some) return closing(operands, *fd, failure(some.error()));
    if (some->empty()) break;
    all += *some;
  }
  return closing(operands, *fd, success({{"data", text_from_bytes(all)}, {"size", all.size()}}));
}

StepResult put_operation(const Operands& operands) {
  auto fd = open_path(operands, operands.flags("open", "flags", "0") | O_WRONLY);
  if (!fd) return failure(fd.error());
  auto count = operands.vfs.write(*fd, operands.content(), operands.offset());
  return closing(operands, *fd, count ? success({{"count", *count}}) : failure(count.error()));
}

StepResult lseek_operation(const Operands& operands) {
  auto offset = operands.vfs.lseek(operands.descriptor(), operands.number("offset", 0),
                                   static_cast<int>(operands.flags("whence", "whence", "SEEK_SET")));
  return offset ? success({{"offset", *offset}}) : failure(offset.error());
}

StepResult fallocate_operation(const Operands& operands) {
  return done(operands.vfs.fallocate(operands.descriptor(),
                                     static_cast<int>(operands.flags("fallocate", "mode", "0")),
                                     operands.number("offset", 0), operands.number("size", 0)));
}

StepResult copy_file_range_operation(const Operands& operands) {
  std::optional<off_t> from, to;
  if (operands.has("offsets")) {
    from = operands.step.args["offsets"][0].get<off_t>();
    to = operands.step.args["offsets"][1].get<off_t>();
  }
  auto count = operands.vfs.copy_file_range(operands.descriptor(0), from, operands.descriptor(1), to,
                                            static_cast<size_t>(operands.number("size", 0)));
  return count ? success({{"count", *count}}) : failure(count.error());
}

StepResult sendfile_operation(const Operands& operands) {
  const auto count = operands.vfs.sendfile(operands.descriptor(1), operands.descriptor(0),
                                           static_cast<size_t>(operands.number("size", 0)));
  return count ? success({{"count", *count}}) : failure(count.error());
}

StepResult dedupe_operation(const Operands& operands) {
  auto* tree = dynamic_cast<MountedTree*>(&operands.vfs);
  if (!tree) return failure(kNotOffered);
  const auto count = tree->dedupe(operands.descriptor(0), operands.descriptor(1),
                                  static_cast<size_t>(operands.number("size", 0)));
  return count ? success({{"count", *count}}) : failure(count.error());
}

StepResult fiemap_operation(const Operands& operands) {
  const auto extents = operands.vfs.fiemap(operands.descriptor());
  if (!extents) return failure(extents.error());
  const auto size = operands.vfs.lseek(operands.descriptor(), 0, SEEK_END);
  if (!size) return failure(size.error());
  uint64_t covered = 0;
  bool holes = false;
  for (const Extent& extent : *extents) {
    holes = holes || extent.offset > covered;
    covered = extent.offset + extent.length;
  }
  return success({{"extents", extents->size()}, {"holes", holes || covered < static_cast<uint64_t>(*size)}});
}

StepResult mmap_operation(const Operands& operands) {
  const auto size = static_cast<size_t>(operands.number("size", 4096));
  auto address = operands.vfs.mmap(
      operands.descriptor(), size, static_cast<int>(operands.flags("prot", "prot", "PROT_READ")),
      static_cast<int>(operands.flags("map", "flags", "MAP_SHARED")), operands.number("offset", 0));
  if (!address && !operands.step.as.empty()) operands.names.put_mapping(operands.step.as, {});
  if (!address) return failure(address.error());
  if (operands.step.as.empty())
    (void)munmap(*address, size);
  else
    operands.names.put_mapping(operands.step.as, {*address, size});
  return {};
}

// Mappings are touched through the kernel: beyond the end of a truncated file that is EFAULT instead of
// SIGBUS.
StepResult mread_operation(const Operands& operands) {
  const auto mapping = operands.names.mapping(operands.value.get<std::string>());
  const auto offset = static_cast<size_t>(operands.number("offset", 0));
  if (offset > mapping.size) return failure(EINVAL);
  const size_t rest = mapping.size - offset;
  std::string data(static_cast<size_t>(operands.number("count", static_cast<int64_t>(rest))), '\0');
  if (data.size() > rest) return failure(EINVAL);
  iovec local = {data.data(), data.size()},
        remote = {static_cast<char*>(mapping.address) + offset, data.size()};
  if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != static_cast<ssize_t>(data.size()))
    return failure(EFAULT);
  return success({{"data", text_from_bytes(data)}});
}

StepResult mwrite_operation(const Operands& operands) {
  const auto mapping = operands.names.mapping(operands.value.get<std::string>());
  const auto offset = static_cast<size_t>(operands.number("offset", 0));
  std::string data = operands.bytes("data");
  if (offset > mapping.size || data.size() > mapping.size - offset) return failure(EINVAL);
  iovec local = {data.data(), data.size()},
        remote = {static_cast<char*>(mapping.address) + offset, data.size()};
  return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(data.size())
             ? StepResult{}
             : failure(EFAULT);
}

StepResult msync_operation(const Operands& operands) {
  const auto mapping = operands.names.mapping(operands.value.get<std::string>());
  return msync(mapping.address, mapping.size, MS_SYNC) == 0 ? StepResult{} : failure(errno);
}

StepResult munmap_operation(const Operands& operands) {
  const auto mapping = operands.names.take_mapping(operands.value.get<std::string>());
  return munmap(mapping.address, mapping.size) == 0 ? StepResult{} : failure(errno);
}

template <SyncKind kind>
StepResult sync_operation(const Operands& operands) {
  return done(operands.vfs.sync(operands.descriptor(), kind));
}

StepResult ftruncate_operation(const Operands& operands) {
  return done(
      operands.vfs.truncate(operands.on_descriptor(), static_cast<uint64_t>(operands.number("size", 0))));
}

StepResult truncate_operation(const Operands& operands) {
  return done(operands.vfs.truncate(operands.at(), static_cast<uint64_t>(operands.number("size", 0))));
}

StepResult name_to_handle_operation(const Operands& operands) {
  auto handle = operands.vfs.name_to_handle(operands.at());
  if (!handle && !operands.step.as.empty()) operands.names.put_handle(operands.step.as, {});
  if (!handle) return failure(handle.error());
  const std::string text = std::to_string(handle->type) + ":" + text_from_bytes(handle->bytes);
  if (!operands.step.as.empty()) operands.names.put_handle(operands.step.as, std::move(*handle));
  return success({{"handle", text}});
}

StepResult open_by_handle_operation(const Operands& operands) {
  return keep(operands,
              operands.vfs.open_by_handle(operands.names.handle(operands.value.get<std::string>()),
                                          static_cast<int>(operands.flags("open", "flags", "O_RDONLY"))));
}

}  // namespace

const std::map<std::string_view, OperationFunction>& file_operations() {
  static const std::map<std::string_view, OperationFunction> all = {
      {"cat", cat_operation},
      {"close", close_operation},
      {"copy_file_range", copy_file_range_operation},
      {"dedupe", dedupe_operation},
      {"enable_verity",
       [](const Operands& operands) { return done(operands.vfs.enable_verity(operands.descriptor())); }},
      {"fadvise",
       [](const Operands& operands) {
         auto* tree = dynamic_cast<MountedTree*>(&operands.vfs);
         if (!tree) return failure(kNotOffered);
         return done(tree->fadvise(operands.descriptor(), static_cast<int>(operands.flags(
                                                              "advice", "advice", "POSIX_FADV_NORMAL"))));
       }},
      {"fallocate", fallocate_operation},
      {"fdatasync", sync_operation<SyncKind::data>},
      {"ficlone",
       [](const Operands& operands) {
         return done(operands.vfs.ficlone(operands.descriptor(0), operands.descriptor(1)));
       }},
      {"fiemap", fiemap_operation},
      {"fsync", sync_operation<SyncKind::file>},
      {"ftruncate", ftruncate_operation},
      {"lseek", lseek_operation},
      {"mmap", mmap_operation},
      {"mread", mread_operation},
      {"msync", msync_operation},
      {"munmap", munmap_operation},
      {"mwrite", mwrite_operation},
      {"name_to_handle", name_to_handle_operation},
      {"open", open_operation},
      {"open_by_handle", open_by_handle_operation},
      {"put", put_operation},
      {"read", read_operation},
      {"sendfile", sendfile_operation},
      {"syncfs", sync_operation<SyncKind::filesystem>},
      {"tmpfile", tmpfile_operation},
      {"truncate", truncate_operation},
      {"write", write_operation},
  };
  return all;
}

}  // namespace ovlcheck
