# What `cmake --install` and the packages put on a machine, beside libmuster. Included last: it knows all targets.
include(GNUInstallDirs)

install(TARGETS muster RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT muster)
install(FILES config/systemd/muster.service DESTINATION lib/systemd/system COMPONENT muster)
install(FILES config/systemd/containers-only.conf config/grafana/muster.json config/config.yaml
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT muster OPTIONAL)
install(FILES docs/man/muster.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT muster)
install(FILES docs/man/muster.yaml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT muster)
install(FILES docs/man/muster-serve.8 docs/man/muster-agent.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT muster)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT muster)

# Shells complete what the binary itself says it knows.
set(completions ${PROJECT_BINARY_DIR}/completions)
foreach(shell bash zsh fish)
  add_custom_command(OUTPUT ${completions}/${shell}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${completions}
    COMMAND $<TARGET_FILE:muster> completion ${shell} > ${completions}/${shell}
    DEPENDS muster VERBATIM)
endforeach()
add_custom_target(muster_completions ALL DEPENDS ${completions}/bash ${completions}/zsh ${completions}/fish)
install(FILES ${completions}/bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME muster
        COMPONENT muster)
install(FILES ${completions}/zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions RENAME _muster
        COMPONENT muster)
install(FILES ${completions}/fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d RENAME muster.fish
        COMPONENT muster)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_CONTACT "The Muster developers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "runtime for workflows of containers and processes")
set(CPACK_COMPONENTS_ALL muster libmuster)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_MUSTER_PACKAGE_NAME muster)
set(CPACK_DEBIAN_MUSTER_PACKAGE_SECTION admin)
set(CPACK_COMPONENT_MUSTER_DESCRIPTION "Runs workflows that are written as YAML: places groups of tasks as a whole,
starts them together, carries their data, logs, retries and events; on one
machine without anything else, with Docker, or as a service for many users.")
# libcurl is loaded, not linked, so nobody finds out by the program itself.
set(CPACK_DEBIAN_MUSTER_PACKAGE_DEPENDS "adduser, libcurl4 | libcurl4t64")
set(CPACK_DEBIAN_MUSTER_PACKAGE_RECOMMENDS "bubblewrap")
set(CPACK_DEBIAN_MUSTER_PACKAGE_SUGGESTS "docker.io")
set(debian ${PROJECT_SOURCE_DIR}/packaging/debian)
set(CPACK_DEBIAN_MUSTER_PACKAGE_CONTROL_EXTRA ${debian}/postinst;${debian}/prerm;${debian}/postrm;${debian}/conffiles)
set(CPACK_DEBIAN_MUSTER_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_LIBMUSTER_PACKAGE_NAME libmuster-dev)
set(CPACK_DEBIAN_LIBMUSTER_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBMUSTER_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_LIBMUSTER_PACKAGE_DEPENDS
  "libcaf-dev, libsqlite3-dev, libspdlog-dev, libcurl4-openssl-dev, libssl-dev, libpcre2-dev, libyaml-dev")
set(CPACK_COMPONENT_LIBMUSTER_DESCRIPTION "Builds workflows in code and runs them within a program or on a head.")
# The configuration is the administrator's: /etc, whatever the prefix is.
install(FILES config/muster.yaml DESTINATION /etc/muster COMPONENT muster)
include(CPack)
