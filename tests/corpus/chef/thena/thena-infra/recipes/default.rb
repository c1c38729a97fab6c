#
# Cookbook Name:: thena-infra
# Recipe:: default
#

include_recipe 'thena-infra::configure'
include_recipe 'thena-infra::deploy'
