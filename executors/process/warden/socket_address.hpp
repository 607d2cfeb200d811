#pragma once

#include "muster/base/result.hpp"
#include "muster/base/unique_fd.hpp"

#include <string>

#include <sys/un.h>

namespace muster::process {

/// The address of a socket in a folder, however long its path is: by way of the open folder.
struct socket_address {
  unique_fd folder;
  sockaddr_un address{};
};

/// Of `<folder>/socket`; `io_error` if the folder cannot be opened.
[[nodiscard]] result<socket_address> address_in(const std::string& folder);

} // namespace muster::process
