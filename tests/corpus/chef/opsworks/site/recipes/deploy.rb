include_recipe 'deploy'

node[:deploy].each do |application, deploy|
  if deploy[:application_type] != 'other'
    Chef::Log.debug("Skipping #{application}")
    next
  end

  opsworks_deploy_dir do
    user deploy[:user]
    group deploy[:group]
    path deploy[:deploy_to]
  end

  opsworks_deploy do
    deploy_data deploy
    app application
  end
end

execute 'pip' do
  cwd "#{node[:site][:root]}/current"
  command 'pip install -r requirements.txt'
end

service 'site' do
  action [:restart]
end
