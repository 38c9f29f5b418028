# The numbers in tests/grad/discriminator.c: the discriminator of method.md in PyTorch, double precision, deterministic weights.
# Not run by any test: python3 tests/vectors/discriminator.py prints them.
import torch, torch.nn as nn, torch.nn.functional as F, math
from torch.nn.utils import spectral_norm
torch.set_default_dtype(torch.float64)
W=[3,16,32,64,128,128,128]; L=1030; n=1021; B=2
def val(shape,seed,scale):
    N=1
    for s in shape: N*=s
    k=torch.arange(N,dtype=torch.float64)
    x=torch.sin(k*12.9898+seed*1.37)*43758.5453
    return ((x-torch.floor(x)-0.5)*2*scale).reshape(shape)
class D(nn.Module):
    def __init__(s):
        super().__init__()
        s.c=nn.ModuleList([spectral_norm(nn.Conv1d(W[i],W[i+1],3,stride=2,padding=1)) for i in range(6)]); s.last=nn.Conv1d(128,1,1)
    def forward(s,x):
        for i,c in enumerate(s.c):
            x=c(x)
            if i: x=F.instance_norm(x)
            x=F.leaky_relu(x,0.2)
        return s.last(x)[:,0]
d=D()
with torch.no_grad():
    for i,c in enumerate(d.c):
        c.weight_orig.copy_(val(c.weight_orig.shape,i,1/math.sqrt(W[i]*3))); c.bias.copy_(val(c.bias.shape,i+10,0.1))
        u=val((W[i+1],),i+20,1.0); v=val((W[i]*3,),i+30,1.0)
        c.weight_u.copy_(u/u.norm()); c.weight_v.copy_(v/v.norm())
    d.last.weight.copy_(val(d.last.weight.shape,6,0.1)); d.last.bias.copy_(val(d.last.bias.shape,16,0.1))
g=torch.arange(B*L).reshape(B,L)*7%3; real=F.one_hot(g,3).double().permute(0,2,1).clone(); real[:,:,n:]=0
logits=val((B,L,3),40,2.0).requires_grad_()
def fake():
    m=torch.zeros(1,L,1); m[:,:n]=1
    return (logits*m).permute(0,2,1)
# one power iteration happens in the first training forward: do it once, then eval mode keeps u, v
d.train(); d(real); d.eval()
r,f=d(real),d(fake().detach()); loss=.5*(F.relu(1-r).mean()+F.relu(1+f).mean())
loss.backward()
print('hinge %.9f'%loss.item(), 'mean real %.9f fake %.9f'%(r.mean(),f.mean()), 'P',r.shape)
for i,c in enumerate(d.c): print(i,'%.9g %.9g %.9g'%(c.weight_orig.grad.norm(),c.weight_orig.grad.flatten()[5],c.bias.grad.norm()))
print('last %.9g %.9g'%(d.last.weight.grad.norm(),d.last.bias.grad.item()))
d.zero_grad(); G=-d(fake()).mean(); G.backward(); print('g %.9f'%G.item(),'dlogits norm %.9g at(1,60,2) %.9g pad %.3g'%(logits.grad.norm(),logits.grad[1,60,2],logits.grad[:,n:].abs().max()))
