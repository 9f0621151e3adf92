# SPDX-License-Identifier: MIT
# The bill of materials (CycloneDX 1.5): the libraries that this build links, in the versions that pkg-config found, and what the
# pages use from npm, by web/package-lock.json. From the same list as evtwin_build_info().
set(licence_jansson MIT)
set(licence_xgboost Apache-2.0)
set(licence_sqlite3 blessing)
set(licence_libmicrohttpd LGPL-2.1-or-later)
set(licence_zlib Zlib)
set(licence_gnutls LGPL-2.1-or-later)
set(licence_libpq PostgreSQL)
set(licence_rdkafka BSD-2-Clause)
set(licence_libmosquitto "EPL-2.0 OR BSD-3-Clause")
set(licence_libcurl curl)

set(components)
macro(sbom_component name version licence purl)
  if("${licence}" STREQUAL "")
    message(FATAL_ERROR "cmake/EvtwinSbom.cmake: the licence of ${name} is not in its list")
  endif()
  list(APPEND components
    "    {\"type\": \"library\", \"bom-ref\": \"${purl}\", \"name\": \"${name}\", \"version\": \"${version}\",\n     \"purl\": \"${purl}\", \"licenses\": [{\"expression\": \"${licence}\"}]}")
  list(APPEND references "\"${purl}\"")
endmacro()
set(references)
foreach(dependency jansson ${client_libraries})
  sbom_component(${dependency} "${${dependency}_VERSION}" "${licence_${dependency}}" "pkg:generic/${dependency}@${${dependency}_VERSION}")
endforeach()
if(EVTWIN_HTTP)
  file(READ ${PROJECT_SOURCE_DIR}/web/package-lock.json lock)
  foreach(package three uplot)
    string(JSON version GET "${lock}" packages node_modules/${package} version)
    string(JSON licence GET "${lock}" packages node_modules/${package} license)
    sbom_component(${package} ${version} ${licence} "pkg:npm/${package}@${version}")
  endforeach()
endif()
list(JOIN components ",\n" components)
list(JOIN references ", " references)
set(self "pkg:generic/evtwin@${PROJECT_VERSION}")
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/evtwin.cdx.json @ONLY CONTENT [[{
  "bomFormat": "CycloneDX",
  "specVersion": "1.5",
  "version": 1,
  "metadata": {
    "component": {"type": "library", "bom-ref": "@self@", "name": "evtwin", "version": "@PROJECT_VERSION@",
                  "purl": "@self@", "description": "@PROJECT_DESCRIPTION@", "licenses": [{"expression": "MIT"}]}
  },
  "components": [
@components@
  ],
  "dependencies": [
    {"ref": "@self@", "dependsOn": [@references@]}
  ]
}
]])
install(FILES ${PROJECT_BINARY_DIR}/evtwin.cdx.json DESTINATION ${CMAKE_INSTALL_DOCDIR})
